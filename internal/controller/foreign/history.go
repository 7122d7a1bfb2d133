package foreign

// history is what is known of the status writes of one object. All times are those that the API server recorded for the field
// manager of operators, in seconds since 1970, and zero for none.
type history struct {
	// latest is the latest write that is this process's own, or that was judged already.
	latest int64
	// writing reports whether an own write is under way, and seen is the latest write that was observed meanwhile.
	writing bool
	seen    int64
	// unanswered reports whether the API server may have made an own write although it returned an error.
	unanswered bool
	// foundOther reports whether a write was found that is not an own one.
	foundOther bool
}

// writeResult is how an own write ended.
type writeResult int

const (
	written writeResult = iota
	notWritten
	unknown
)

// observe records a watch event between whose versions the time of the latest write changed from before to after. It reports
// whether another operator made that write. Writes until from are not judged.
func (h history) observe(before, after, from int64) (history, bool) {
	switch {
	case after <= before, after <= h.latest:
		return h, false
	case h.unanswered:
		h.unanswered, h.latest = false, after // probably the own one
		return h, false
	case h.writing:
		h.seen = after // it is known later whether this is the own one
		return h, false
	}
	return h.judge(after, from)
}

// begin records that an own write is under way.
func (h history) begin() history {
	h.writing, h.seen = true, 0
	return h
}

// end records the end of an own write. If it succeeded, own is its time. It reports whether another operator made the write that
// was observed meanwhile.
func (h history) end(result writeResult, own, from int64) (history, bool) {
	seen := h.seen
	h.writing, h.seen = false, 0
	switch {
	case result == written:
		h.unanswered, h.latest = false, max(h.latest, own)
		return h, false
	case result == unknown:
		h.unanswered, h.latest = true, max(h.latest, seen)
		return h, false
	case seen <= h.latest:
		return h, false
	}
	return h.judge(seen, from)
}

// judge decides about a write that is not an own one.
//
// The first one of an object can still be that of a former leader, delayed on its way to the API server. There is at most one,
// since it carries the version that it is based on, and the former leader gets no answer. A restored backup can look like one, too.
func (h history) judge(at, from int64) (history, bool) {
	if at <= from {
		return h, false
	}
	isFirst := !h.foundOther
	h.latest, h.foundOther = at, true
	return h, !isFirst
}

package main

import (
	"bytes"
	"strconv"
)

// event is what the bench wants to know of a line of a watch.
type event struct {
	index   int    // of the mapping
	version string // its resourceVersion
	ready   int64  // the generation for which it is Ready, if that is the present one; else 0
	size    int    // of the whole line
}

// readEvent reads a line of a watch of mappings without decoding it, since the watch shares two cores
// with what it measures. The API server writes the keys of an object sorted, and what stands in texts
// has its quotes escaped, so that these words can't be mistaken.
func readEvent(line []byte) (event, bool) {
	if bytes.HasPrefix(line, []byte(`{"type":"ERROR"`)) || bytes.HasPrefix(line, []byte(`{"type":"DELETED"`)) {
		return event{}, false
	}
	index, ok := mappingIndex(after(line, `"name":"`))
	if !ok {
		return event{}, false
	}
	e := event{index: index, version: string(after(line, `"resourceVersion":"`)), size: len(line)}
	generation := after(line, `"generation":`)
	ready := []byte(`"observedGeneration":` + string(generation) + `,"reason":"Synced","status":"True","type":"Ready"`)
	if bytes.Contains(line, ready) {
		e.ready, _ = strconv.ParseInt(string(generation), 10, 64) // digits, as after takes them
	}
	return e, true
}

// after returns what follows the first such key: a text to its quote, or a number to its end.
func after(line []byte, key string) []byte {
	_, rest, found := bytes.Cut(line, []byte(key))
	if !found {
		return nil
	}
	end := bytes.IndexAny(rest, `",}`)
	return rest[:max(end, 0)]
}

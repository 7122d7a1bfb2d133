package reliability

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// chances of the operations: as often as they stand here.
var chances = []string{
	"apply", "apply", "apply", "apply", "apply", "set", "set", "flip", "flip", "drop", "drop",
	"policy", "suspend", "resume", "request", "delete", "delete", "recreate", "invalid",
	"secret", "secret", "rotate", "move", "allow", "retry", "abolish", "found",
	"vanish", "return", "dismiss", "hire", "drift", "ban", "unban", "fault", "fault", "fault", "fault",
	"crash", "crash", "restart", "strike", "strike", "strike", "wait", "wait", "wait", "wait",
}

func names(of func(role) string) []string {
	var all []string
	for _, r := range cast {
		all = append(all, of(r))
	}
	return slices.Compact(all)
}

var (
	drawMapping = rapid.SampledFrom(names(func(r role) string { return r.name }))
	drawAccount = rapid.SampledFrom(castAccounts)
	drawAgent   = rapid.SampledFrom(names(func(r role) string { return r.agent }))
	drawGroup   = rapid.SampledFrom(castGroups)
	drawValue   = rapid.SampledFrom([]string{"Y", "N"})
	// One story in a few has somebody name a group that does not exist.
	drawAnyGroup = rapid.SampledFrom(append(slices.Repeat(castGroups, 3), nowhere))
	drawFault    = rapid.SampledFrom([]string{"1501", "1501-lie", "500", "429", "garbage", "hang", "hang-after", "cut", "cut-after"})
	drawTimes    = rapid.IntRange(1, 3)
)

// drawGroups draws groups such as "90=Y 91=N", each no more than once.
func drawGroups(from *rapid.Generator[string], least, most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		ids := rapid.SliceOfNDistinct(from, least, most, rapid.ID).Draw(t, "groups")
		words := make([]string, len(ids))
		for i, id := range ids {
			words[i] = id + "=" + drawValue.Draw(t, "value")
		}
		slices.Sort(words)
		return strings.Join(words, " ")
	})
}

// drawSpec draws what specOf reads.
func drawSpec(t *rapid.T) string {
	spec := drawGroups(drawAnyGroup, min(1, rapid.IntRange(0, 5).Draw(t, "some")), 3).Draw(t, "spec")
	if rapid.IntRange(0, 6).Draw(t, "policy") == 6 {
		spec += " Orphan"
	}
	if rapid.IntRange(0, 8).Draw(t, "suspend") == 8 {
		spec += " suspended"
	}
	return strings.TrimSpace(spec)
}

// drawOperation draws one of those operations.
func drawOperation(from []string) *rapid.Generator[operation] {
	return rapid.Custom(func(t *rapid.T) operation {
		o := operation{Do: rapid.SampledFrom(from).Draw(t, "do")}
		pick := func(values ...string) string { return rapid.SampledFrom(values).Draw(t, "to") }
		switch o.Do {
		case "apply", "recreate":
			o.On, o.To = drawMapping.Draw(t, "on"), drawSpec(t)
		case "set":
			o.On, o.To = drawMapping.Draw(t, "on"), drawAnyGroup.Draw(t, "group")+"="+drawValue.Draw(t, "value")
		case "flip", "drop":
			o.On, o.To = drawMapping.Draw(t, "on"), drawAnyGroup.Draw(t, "group")
		case "policy":
			o.On, o.To = drawMapping.Draw(t, "on"), pick("Orphan", "StopCalls")
		case "suspend", "resume", "request", "delete":
			o.On = drawMapping.Draw(t, "on")
		case "invalid":
			o.On, o.To = drawMapping.Draw(t, "on"), pick("group", "twice", "agent", "account", "resync")
		case "secret":
			o.On, o.To = drawAccount.Draw(t, "on"), pick("right", "wrong", "half", "both", "gone")
		case "rotate":
			o.On, o.To = drawAccount.Draw(t, "on"), pick("deepcall", "secret")
		case "move":
			o.On, o.To = drawAccount.Draw(t, "on"), pick(there, here)
		case "allow":
			o.On, o.To = "acme", pick("Same", "All")
		case "retry", "abolish", "found":
			o.On = drawAccount.Draw(t, "on")
		case "vanish", "return":
			o.On = drawGroup.Draw(t, "on")
		case "dismiss", "hire":
			o.On = drawAgent.Draw(t, "on")
		case "drift":
			o.On, o.To = drawAgent.Draw(t, "on"), drawGroups(drawGroup, 0, 3).Draw(t, "groups")
		case "ban", "unban":
			o.On, o.To = drawAccount.Draw(t, "on"), pick("suspended", "denied")
		case "fault":
			o.On, o.To, o.Times = drawAgent.Draw(t, "on"), drawFault.Draw(t, "fault"), drawTimes.Draw(t, "times")
		case "strike":
			o.To, o.Times = pick(string(failBefore), string(loseAnswer), string(crashBefore), string(crashAfter)), rapid.IntRange(1, 6).Draw(t, "effect")
		case "wait":
			o.Times = rapid.IntRange(1, 6).Draw(t, "effects")
		}
		return o
	})
}

// drawStory draws any story. It begins with some mappings that are there.
var drawStory = rapid.Custom(func(t *rapid.T) story {
	s := story{Replace: rapid.Bool().Draw(t, "replace"), Impatient: rapid.Bool().Draw(t, "impatient")}
	for _, r := range cast {
		if rapid.IntRange(0, 2).Draw(t, "present") > 0 {
			s.Ops = append(s.Ops, operation{Do: "apply", On: r.name, To: drawSpec(t)})
		}
	}
	s.Ops = append(s.Ops, operation{Do: "wait", Times: rapid.IntRange(1, 12).Draw(t, "effects")})
	s.Ops = append(s.Ops, rapid.SliceOfN(drawOperation(chances), 2, 20).Draw(t, "ops")...)
	return s
})

// drawReturn draws a story that goes from some state to any other, and back again.
var drawReturn = rapid.Custom(func(t *rapid.T) story {
	s := story{Replace: rapid.Bool().Draw(t, "replace"), Impatient: rapid.Bool().Draw(t, "impatient")}
	free := map[string][]string{} // the groups of each agent that nobody has yet
	for _, r := range cast {
		if free[r.agent] == nil {
			free[r.agent] = slices.Clone(castGroups)
		}
		if rapid.IntRange(0, 3).Draw(t, "absent") == 3 {
			continue
		}
		groups := drawGroups(drawGroup, 1, 2).Draw(t, "groups")
		var words []string
		for id, value := range parse(groups) {
			if i := slices.Index(free[r.agent], id); i >= 0 {
				free[r.agent] = slices.Delete(free[r.agent], i, i+1)
				words = append(words, id+"="+value)
			}
		}
		slices.Sort(words)
		s.Ops = append(s.Ops, operation{Do: "apply", On: r.name, To: strings.Join(words, " ")})
	}
	s.Ops = append(s.Ops, operation{Do: "remember"})
	s.Ops = append(s.Ops, rapid.SliceOfN(drawOperation(chances), 1, 12).Draw(t, "ops")...)
	s.Ops = append(s.Ops, operation{Do: "revert"})
	return s
})

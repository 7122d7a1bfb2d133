package reliability

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// operationWeights lists each operation as often as its weight.
var operationWeights = []string{
	"apply", "apply", "apply", "apply", "apply", "set", "set", "flip", "flip", "drop", "drop",
	"policy", "suspend", "resume", "resync", "delete", "delete", "recreate", "invalid", "copy", "copy", "forge", "erase",
	"secret", "secret", "rotate", "move-account", "allow-namespaces", "retry-account", "delete-account", "create-account",
	"remove-group", "add-group", "remove-agent", "add-agent", "drift", "block-account", "unblock-account", "fault", "fault", "fault", "fault", "bad-agent",
	"crash", "crash", "restart", "inject", "inject", "inject", "wait", "wait", "wait", "wait",
}

func fixtureValues(of func(mappingFixture) string) []string {
	var all []string
	for _, f := range mappingFixtures {
		all = append(all, of(f))
	}
	return slices.Compact(all)
}

var (
	genMapping = rapid.SampledFrom(fixtureValues(func(f mappingFixture) string { return f.name }))
	genAccount = rapid.SampledFrom(accountNames)
	genAgent   = rapid.SampledFrom(fixtureValues(func(f mappingFixture) string { return f.agent }))
	genGroup   = rapid.SampledFrom(groupIDs)
	genValue   = rapid.SampledFrom([]string{"Y", "N"})
	// A few sequences declare a group that does not exist.
	genAnyGroup = rapid.SampledFrom(append(slices.Repeat(groupIDs, 3), unknownGroup))
	genFault    = rapid.SampledFrom([]string{"1501", "1501-applied", "500", "429", "garbage", "hang", "hang-applied", "cut-before", "cut-after"})
	genTimes    = rapid.IntRange(1, 3)
)

// genGroups generates groups such as "90=Y 91=N", each at most once.
func genGroups(from *rapid.Generator[string], least, most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		ids := rapid.SliceOfNDistinct(from, least, most, rapid.ID).Draw(t, "groups")
		fields := make([]string, len(ids))
		for i, id := range ids {
			fields[i] = id + "=" + genValue.Draw(t, "value")
		}
		slices.Sort(fields)
		return strings.Join(fields, " ")
	})
}

// genSpec generates the input of parseSpec.
func genSpec(t *rapid.T) string {
	spec := genGroups(genAnyGroup, min(1, rapid.IntRange(0, 5).Draw(t, "some")), 3).Draw(t, "spec")
	if rapid.IntRange(0, 6).Draw(t, "policy") == 6 {
		spec += " Orphan"
	}
	if rapid.IntRange(0, 8).Draw(t, "suspend") == 8 {
		spec += " suspended"
	}
	return strings.TrimSpace(spec)
}

// genOperation generates one of the named operations.
func genOperation(names []string) *rapid.Generator[operation] {
	return rapid.Custom(func(t *rapid.T) operation {
		o := operation{Do: rapid.SampledFrom(names).Draw(t, "do")}
		pick := func(values ...string) string { return rapid.SampledFrom(values).Draw(t, "to") }
		switch o.Do {
		case "apply", "recreate":
			o.On, o.To = genMapping.Draw(t, "on"), genSpec(t)
		case "set":
			o.On, o.To = genMapping.Draw(t, "on"), genAnyGroup.Draw(t, "group")+"="+genValue.Draw(t, "value")
		case "flip", "drop":
			o.On, o.To = genMapping.Draw(t, "on"), genAnyGroup.Draw(t, "group")
		case "policy":
			o.On, o.To = genMapping.Draw(t, "on"), pick("Orphan", "StopCalls")
		case "copy":
			o.On, o.To = genMapping.Draw(t, "on"), genMapping.Draw(t, "original")
		case "suspend", "resume", "resync", "delete", "forge", "erase":
			o.On = genMapping.Draw(t, "on")
		case "invalid":
			o.On, o.To = genMapping.Draw(t, "on"), pick("group", "duplicate", "agent", "account", "resync")
		case "secret":
			o.On, o.To = genAccount.Draw(t, "on"), pick("valid", "wrong", "incomplete", "ambiguous", "deleted")
		case "rotate":
			o.On, o.To = genAccount.Draw(t, "on"), pick("deepcall", "secret")
		case "move-account":
			o.On, o.To = genAccount.Draw(t, "on"), pick(secondary, primary)
		case "allow-namespaces":
			o.On, o.To = "acme", pick("Same", "All")
		case "retry-account", "delete-account", "create-account":
			o.On = genAccount.Draw(t, "on")
		case "remove-group", "add-group":
			o.On = genGroup.Draw(t, "on")
		case "remove-agent", "add-agent":
			o.On = genAgent.Draw(t, "on")
		case "drift":
			o.On, o.To = genAgent.Draw(t, "on"), genGroups(genGroup, 0, 3).Draw(t, "groups")
		case "block-account", "unblock-account":
			o.On, o.To = genAccount.Draw(t, "on"), pick("suspended", "denied")
		case "fault":
			o.On, o.To, o.Times = genAgent.Draw(t, "on"), genFault.Draw(t, "fault"), genTimes.Draw(t, "times")
		case "bad-agent":
			o.On, o.To = genAgent.Draw(t, "on"), pick("503", "1015")
		case "inject":
			o.To, o.Times = pick(string(failBefore), string(loseAnswer), string(crashBefore), string(crashAfter)), rapid.IntRange(1, 6).Draw(t, "effect")
		case "wait":
			o.Times = rapid.IntRange(1, 6).Draw(t, "effects")
		}
		return o
	})
}

// genSequence generates a sequence that begins with some existing mappings.
var genSequence = rapid.Custom(func(t *rapid.T) sequence {
	s := sequence{Replace: rapid.Bool().Draw(t, "replace"), RetryAll: rapid.Bool().Draw(t, "retry all")}
	for _, f := range mappingFixtures {
		if rapid.IntRange(0, 2).Draw(t, "present") > 0 {
			s.Ops = append(s.Ops, operation{Do: "apply", On: f.name, To: genSpec(t)})
		}
	}
	s.Ops = append(s.Ops, operation{Do: "wait", Times: rapid.IntRange(1, 12).Draw(t, "effects")})
	s.Ops = append(s.Ops, rapid.SliceOfN(genOperation(operationWeights), 2, 20).Draw(t, "ops")...)
	return s
})

// genRoundTrip generates a sequence that goes from one state to another and back.
var genRoundTrip = rapid.Custom(func(t *rapid.T) sequence {
	s := sequence{Replace: rapid.Bool().Draw(t, "replace"), RetryAll: rapid.Bool().Draw(t, "retry all")}
	free := map[string][]string{} // the groups of each agent that no mapping declares yet
	for _, f := range mappingFixtures {
		if free[f.agent] == nil {
			free[f.agent] = slices.Clone(groupIDs)
		}
		if rapid.IntRange(0, 3).Draw(t, "absent") == 3 {
			continue
		}
		groups := genGroups(genGroup, 1, 2).Draw(t, "groups")
		var fields []string
		for id, value := range parseGroups(groups) {
			if i := slices.Index(free[f.agent], id); i >= 0 {
				free[f.agent] = slices.Delete(free[f.agent], i, i+1)
				fields = append(fields, id+"="+value)
			}
		}
		slices.Sort(fields)
		s.Ops = append(s.Ops, operation{Do: "apply", On: f.name, To: strings.Join(fields, " ")})
	}
	s.Ops = append(s.Ops, operation{Do: "save-state"})
	s.Ops = append(s.Ops, rapid.SliceOfN(genOperation(operationWeights), 1, 12).Draw(t, "ops")...)
	s.Ops = append(s.Ops, operation{Do: "restore-state"})
	return s
})

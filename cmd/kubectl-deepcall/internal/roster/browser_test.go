package roster

import (
	"slices"
	"testing"
)

// visible is the number of entries that the view by group shows.
const visible = `[...document.querySelectorAll("#by-group ~ table .entry")].filter((row) => row.checkVisibility()).length`

func TestBrowserSearches(t *testing.T) {
	b := startChromium(t)
	b.open(page(t, ByGroup, team()))
	b.expect(map[string]string{visible: "7", `document.getElementById("filter").checkVisibility()`: "true"})

	b.press("/")
	b.expect(map[string]string{`document.activeElement.id`: "search", `document.activeElement.value`: ""})
	for _, c := range []struct{ typed, result, visible string }{
		{"BEN", "Showing 2 of 7 entries.", "2"},
		{"asha conflict", "Showing 1 of 7 entries.", "1"},
		{"group 100", "Showing 1 of 7 entries.", "1"},
		{"no match", "Showing 0 of 7 entries.", "0"},
	} {
		b.press("Escape")
		b.expect(map[string]string{visible: "7", `document.getElementById("result").textContent`: ""})
		b.call("Input.insertText", map[string]any{"text": c.typed}, nil)
		b.waitFor(`document.getElementById("result").textContent === "` + c.result + `"`)
		b.expect(map[string]string{visible: c.visible})
	}
	b.expect(map[string]string{`document.querySelector("#by-group ~ .none").checkVisibility()`: "true"})

	b.press("Escape")
	b.press("Tab")
	b.press(" ")
	b.waitFor(`document.getElementById("result").textContent === "Showing 1 of 7 entries."`)
	b.expect(map[string]string{visible: "1", `document.activeElement.id`: "only-not-in-sync"})
}

func TestBrowserRunsAndLoadsNothingElse(t *testing.T) {
	b := startChromium(t)
	url := b.open(page(t, ByGroup, hostile()))
	b.expect(map[string]string{
		`document.title`: "DeepCall roster of all namespaces",
		`getComputedStyle(document.querySelector("h1")).lineHeight !== "normal"`: "true", // the policy permits the own style
		`document.getElementById("filter").checkVisibility()`:                    "true", // and the own script
	})
	if len(b.problems) > 0 || slices.ContainsFunc(b.requested, func(requested string) bool { return requested != url }) {
		t.Errorf("it requests %q, with the problems %q", b.requested, b.problems)
	}

	// The policy forbids scripts and requests even if a text were not escaped.
	b.eval(`document.body.insertAdjacentHTML("beforeend", "<img src='https://evil.example/a.png' onerror='window.injected = 1'>")`)
	b.eval(`{ const script = document.createElement("script"); script.textContent = "window.injected = 2"; document.body.append(script); }`)
	b.expect(map[string]string{`String(window.injected)`: "undefined"})
	if len(b.problems) < 2 {
		t.Errorf("the policy forbids only %q", b.problems)
	}
}

func TestBrowserWithoutScripts(t *testing.T) {
	b := startChromium(t)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(page(t, ByGroup, team()))
	b.expect(map[string]string{visible: "7", `document.getElementById("filter").checkVisibility()`: "false", `document.querySelector("noscript p").checkVisibility()`: "true"})
}

func TestBrowserFitsPhonesAndPaper(t *testing.T) {
	b := startChromium(t)
	b.open(page(t, ByGroup, hostile()))
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": true}, nil)
	b.expect(map[string]string{`document.documentElement.scrollWidth`: "360", visible: "2"})
	phone := b.roles()
	b.call("Emulation.clearDeviceMetricsOverride", nil, nil)
	desktop := b.roles()
	for _, role := range []string{"table", "row", "rowheader", "columnheader", "searchbox", "status", "main"} {
		if phone[role] == 0 || desktop[role] != phone[role] {
			t.Errorf("%d elements have the role %s, and %d on a phone", desktop[role], role, phone[role])
		}
	}

	const background = `getComputedStyle(document.body).backgroundColor`
	b.emulate("screen", "light")
	b.expect(map[string]string{background: "rgb(255, 255, 255)"})
	b.emulate("screen", "dark")
	b.expect(map[string]string{background: "rgb(20, 24, 29)"})
	b.emulate("print", "dark")
	b.expect(map[string]string{
		background: "rgb(255, 255, 255)", `document.querySelector("nav").checkVisibility()`: "false",
		`document.getElementById("search").checkVisibility()`: "false", visible: "2",
	})
}

func TestBrowserIsUsedWithTheKeyboard(t *testing.T) {
	b := startChromium(t)
	b.open(page(t, ByGroup, team()))
	var focused []string
	for range 7 {
		b.press("Tab")
		focused = append(focused, b.eval(`document.activeElement.id || document.activeElement.hash`))
	}
	want := []string{"#content", "#not-in-sync", "#by-group", "#by-agent", "#words", "search", "only-not-in-sync"}
	if !slices.Equal(focused, want) {
		t.Errorf("Tab moves the focus to %q, want %q", focused, want)
	}
}

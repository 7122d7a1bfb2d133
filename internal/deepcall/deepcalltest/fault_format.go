package deepcalltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultHelp describes the text form of faults.
const FaultHelp = `A fault is a comma-separated list of settings:
  code=1505           answer this DeepCall code
  status=503          answer this HTTP status
  retry-after=2       with this Retry-After header
  header=Name: value  with this header
  body=...            answer these bytes; must be last, can contain commas
  cut-before          close the connection; nothing is applied
  cut-after           apply the request, then close the connection
  hang                hold the request until the client disconnects or it is released
  late                hold it until it is released, then apply it in any case
  drip=200ms          send the answer byte by byte, with this pause
  applied             apply the request although the answer says otherwise
  agent=7             only requests for this agent
  skip=3              let three such requests pass first
  times=2             apply to two requests; the default is 1, -1 means all
Examples: code=1505,times=2,agent=7   status=503,retry-after=2   hang   drip=200ms
`

// ParseFault parses the text form of a fault, such as "code=1505,times=2,agent=7".
// FaultHelp lists all settings.
func ParseFault(s string) (Fault, error) {
	var f Fault
	for rest, more := s, true; more; {
		var setting string
		if strings.HasPrefix(rest, "body=") {
			setting, more = rest, false
		} else {
			setting, rest, more = strings.Cut(rest, ",")
		}
		key, value, _ := strings.Cut(setting, "=")
		if err := f.set(strings.TrimSpace(key), value); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", s, err)
		}
	}
	if f.isZero() {
		return Fault{}, fmt.Errorf("fault %q does nothing", s)
	}
	return f, nil
}

// UnmarshalJSON parses the text form in a JSON string, or an object with the same
// settings: {"code": 1505, "times": 2, "agent": "7"}.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		parsed, err := ParseFault(text)
		*f = parsed
		return err
	}
	var settings map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&settings); err != nil {
		return errors.New("a fault is a JSON object, or a string in the text form")
	}
	var parsed Fault
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		value := fmt.Sprint(settings[key])
		if settings[key] == false {
			continue
		}
		if err := parsed.set(key, value); err != nil {
			return fmt.Errorf("fault %s: %w", data, err)
		}
	}
	if parsed.isZero() {
		return fmt.Errorf("fault %s does nothing", data)
	}
	*f = parsed
	return nil
}

// set sets the value of a setting.
func (f *Fault) set(key, value string) (err error) {
	switch key {
	case "code":
		f.Code, err = strconv.Atoi(value)
	case "status":
		f.Status, err = strconv.Atoi(value)
		if err == nil && (f.Status < 200 || f.Status > 599) {
			err = errors.New("an HTTP status is between 200 and 599")
		}
	case "retry-after":
		*f = f.RetryAfter(value)
	case "header":
		name, content, ok := strings.Cut(value, ":")
		if !ok {
			return errors.New(`a header is written "Name: value"`)
		}
		*f = f.WithHeader(strings.TrimSpace(name), strings.TrimSpace(content))
	case "body":
		f.Body = append([]byte{}, value...)
	case "drip":
		f.Drip, err = time.ParseDuration(value)
	case "agent":
		f.Agent = value
	case "skip":
		f.Skip, err = strconv.Atoi(value)
	case "times":
		f.Count, err = strconv.Atoi(value)
		if err == nil && f.Count == 0 {
			err = errors.New("times=0 has no effect")
		}
	default:
		return f.setFlag(key, value)
	}
	return err
}

// setFlag sets a setting without a value.
func (f *Fault) setFlag(key, value string) error {
	switch key {
	case "cut-before":
		f.Cut = true
	case "cut-after":
		f.Cut, f.Applies = true, true
	case "hang":
		f.Hang = true
	case "late":
		f.Hang, f.Late = true, true
	case "applied":
		f.Applies = true
	default:
		return fmt.Errorf("there is no setting %q", key)
	}
	if value != "" && value != "true" {
		return fmt.Errorf("%s takes no value", key)
	}
	return nil
}

// MarshalJSON returns the text form as a JSON string.
func (f Fault) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// String returns the text form. It is empty for a fault without effect.
func (f Fault) String() string {
	settings := f.effects()
	if f.Agent != "" {
		settings = append(settings, "agent="+f.Agent)
	}
	if f.Skip > 0 {
		settings = append(settings, fmt.Sprintf("skip=%d", f.Skip))
	}
	if f.Count != 0 && f.Count != 1 {
		settings = append(settings, fmt.Sprintf("times=%d", f.Count))
	}
	if f.Body != nil {
		settings = append(settings, "body="+string(f.Body))
	}
	return strings.Join(settings, ",")
}

// effects returns the settings for the effects except the body, which must be last.
func (f Fault) effects() []string {
	var out []string
	if f.Code != 0 {
		out = append(out, fmt.Sprintf("code=%d", f.Code))
	}
	if f.Status != 0 {
		out = append(out, fmt.Sprintf("status=%d", f.Status))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Header)) {
		for _, value := range f.Header[name] {
			out = append(out, headerSetting(name, value))
		}
	}
	switch {
	case f.Cut && f.Applies:
		out = append(out, "cut-after")
	case f.Cut:
		out = append(out, "cut-before")
	}
	switch {
	case f.Hang && f.Late:
		out = append(out, "late")
	case f.Hang:
		out = append(out, "hang")
	}
	if f.Drip != 0 {
		out = append(out, "drip="+f.Drip.String())
	}
	if f.Applies && !f.Cut {
		out = append(out, "applied")
	}
	return out
}

func headerSetting(name, value string) string {
	if name == http.CanonicalHeaderKey("Retry-After") {
		return "retry-after=" + value
	}
	return "header=" + name + ": " + value
}

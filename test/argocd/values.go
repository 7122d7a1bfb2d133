package argocd

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// toLua makes a Lua value of a decoded JSON value. What is null is as if it were not there.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

var errMixed = errors.New("a table has both numbers and words for keys")

// fromLua makes a decoded JSON value of a Lua value. Lua has one type for lists and objects, so an empty
// object becomes an empty list; Argo CD mends that in mended.
func fromLua(value lua.LValue) (any, error) {
	switch value := value.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(value), nil
	case lua.LString:
		return string(value), nil
	case lua.LNumber:
		if whole := int64(value); lua.LNumber(whole) == value {
			return whole, nil
		}
		return float64(value), nil
	case *lua.LTable:
		return fromTable(value)
	default:
		return nil, fmt.Errorf("a %s is no JSON", value.Type())
	}
}

func fromTable(table *lua.LTable) (any, error) {
	list, object := []any{}, map[string]any{}
	var failed error
	table.ForEach(func(key, item lua.LValue) {
		converted, err := fromLua(item)
		if err != nil {
			failed = err
		}
		if name, ok := key.(lua.LString); ok {
			object[string(name)] = converted
			return
		}
		list = append(list, converted)
	})
	switch {
	case failed != nil:
		return nil, failed
	case len(object) == 0:
		return list, nil
	case len(list) > 0:
		return nil, errMixed
	default:
		return object, nil
	}
}

// mended puts empty objects back where the script's source had an object, empty or not.
func mended(now, before any) any {
	switch was := before.(type) {
	case map[string]any:
		switch is := now.(type) {
		case map[string]any:
			for key := range is {
				is[key] = mended(is[key], was[key])
			}
		case []any:
			if len(is) == 0 {
				return map[string]any{}
			}
		}
	case []any:
		if is, ok := now.([]any); ok {
			for i := range min(len(is), len(was)) {
				is[i] = mended(is[i], was[i])
			}
		}
	}
	return now
}

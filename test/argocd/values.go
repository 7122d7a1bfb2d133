package argocd

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// toLua converts a decoded JSON value to a Lua value. Null values become nil, so that their keys are absent.
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

var errMixed = errors.New("the table has both number and string keys")

// fromLua converts a Lua value to a decoded JSON value. Lua has one type for lists and objects, so an empty object becomes
// an empty list, which restoreEmptyObjects reverts.
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
		return nil, fmt.Errorf("can't convert a %s to JSON", value.Type())
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

// restoreEmptyObjects replaces empty lists in value by empty objects where original has an object, as Argo CD does.
func restoreEmptyObjects(value, original any) any {
	switch original := original.(type) {
	case map[string]any:
		switch value := value.(type) {
		case map[string]any:
			for key := range value {
				value[key] = restoreEmptyObjects(value[key], original[key])
			}
		case []any:
			if len(value) == 0 {
				return map[string]any{}
			}
		}
	case []any:
		if list, ok := value.([]any); ok {
			for i := range min(len(list), len(original)) {
				list[i] = restoreEmptyObjects(list[i], original[i])
			}
		}
	}
	return value
}

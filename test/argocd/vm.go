package argocd

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// run runs a script with the object as the global obj and returns its result. As in Argo CD, the libraries string, math,
// io and debug are not available, and os must be required and contains only time and date.
func run(script string, object map[string]any) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name))
		if err != nil {
			return nil, fmt.Errorf("open the library %q: %w", library.name, err)
		}
	}
	state.PreloadModule(lua.OsLibName, func(l *lua.LState) int {
		l.Push(l.SetFuncs(l.NewTable(), osFunctions))
		return 1
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, fmt.Errorf("run the script: %w", err)
	}
	return fromLua(state.Get(-1))
}

// osFunctions are the available functions of the library os.
var osFunctions = func() map[string]lua.LGFunction {
	state := lua.NewState()
	defer state.Close()
	functions := map[string]lua.LGFunction{}
	for _, name := range []string{"time", "date"} {
		function, _ := state.GetField(state.GetGlobal(lua.OsLibName), name).(*lua.LFunction)
		functions[name] = function.GFunction
	}
	return functions
}()

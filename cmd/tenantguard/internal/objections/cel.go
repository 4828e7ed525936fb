package objections

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
)

// environment is what expressions may use: what the API server has, as far as the policies need it.
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(2)),
		cel.Variable("object", cel.DynType),
		cel.Variable("oldObject", cel.DynType),
		cel.Variable("namespaceObject", cel.DynType),
		cel.Variable("params", cel.DynType),
		cel.Variable("request", cel.DynType),
		cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType)),
		cel.Function("findAll", cel.MemberOverload("string_find_all",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType),
			cel.BinaryBinding(findAll))),
	)
}

// expressions are the regular expressions of the policies. They are few.
var expressions sync.Map

// findAll is the function of the API server's library: all matches of a regular expression.
func findAll(text, expression ref.Val) ref.Val {
	pattern, ok := expression.Value().(string)
	value, alsoOK := text.Value().(string)
	if !ok || !alsoOK {
		return types.NewErr("findAll: wanted strings")
	}
	known, found := expressions.Load(pattern)
	if !found {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return types.NewErr("findAll: %v", err)
		}
		known, _ = expressions.LoadOrStore(pattern, compiled)
	}
	matches := known.(*regexp.Regexp).FindAllString(value, -1)
	if matches == nil {
		matches = []string{}
	}

	return types.DefaultTypeAdapter.NativeToValue(matches)
}

func programOf(env *cel.Env, expression string) (cel.Program, error) {
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, fmt.Errorf("%.60q: %w", expression, issues.Err())
	}

	return env.Program(ast, cel.EvalOptions(cel.OptOptimize))
}

package policy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/tenantguard/tenantguard/internal/text"
)

// This file says what an operator is likely to have meant.

// didYouMean returns a question for the known key that a key is most alike, "" where none is alike.
func didYouMean(given string, keys []string) string {
	best, found := 3, ""
	for _, key := range keys {
		distance := distanceOf(strings.ToLower(given), strings.ToLower(key))
		if distance < best && 2*distance < len(key) {
			best = distance
			found = key
		}
	}
	if found == "" {
		return ""
	}
	return "did you mean " + found + "? "
}

// maxAlike bounds, in bytes, the keys that are compared, each pair of which costs their product.
const maxAlike = 32

// distanceOf returns how many letters have to be changed, added or taken away to make one text of
// another (Levenshtein's distance). Of long texts it is as good as infinite.
func distanceOf(a, b string) int {
	if len(a) > maxAlike || len(b) > maxAlike {
		return maxAlike
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 0; i < len(a); i++ {
		diagonal := row[0]
		row[0] = i + 1
		for j := 0; j < len(b); j++ {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = least(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func least(a, b, c int) int {
	if b < a {
		a = b
	}
	if c < a {
		a = c
	}
	return a
}

// yamlStart is how a file in YAML begins.
var yamlStart = regexp.MustCompile(`^(---|#|- |["']?[A-Za-z]+["']?:(\s|$))`)

// notJSON returns what is wrong with the content of a policy file, and where.
func notJSON(content string, err error) string {
	if strings.TrimSpace(content) == "" {
		return "the file is empty, wanted JSON"
	}
	if strings.HasPrefix(content, "\ufeff") {
		return "the file begins with a byte order mark, save it as UTF-8 without one"
	}
	if yamlStart.MatchString(strings.TrimSpace(content)) {
		return "this looks like YAML, the policy file is JSON"
	}
	if wrongType, ok := err.(*json.UnmarshalTypeError); ok {
		return numberTooLarge(content, wrongType)
	}
	syntax, ok := err.(*json.SyntaxError)
	if !ok {
		return "wanted JSON: " + text.Bound(err.Error(), maxQuoted)
	}
	at := int(syntax.Offset) - 1 // of the byte that is wrong
	if at >= len(content) || strings.HasPrefix(err.Error(), "unexpected end") {
		return place(content, len(content)) + "the file ends too early, a \", ] or } is missing"
	}
	if at < 0 {
		at = 0
	}
	return place(content, at) + hint(strings.TrimSpace(content[:at]), content[at], err.Error())
}

// numberTooLarge returns what is wrong with a number that no float64 can be: of all values the
// only one that has a wrong type where any is taken. encoding/json quotes it however long it is.
func numberTooLarge(content string, err *json.UnmarshalTypeError) string {
	number := strings.TrimPrefix(err.Value, "number ")
	end := int(err.Offset) // of the number, or one byte behind it
	if end > len(content) {
		end = len(content)
	}
	at := strings.LastIndex(content[:end], number)
	if at < 0 {
		at = 0
	}
	return place(content, at) + "the number " + text.Bound(number, 20) + " is too large"
}

// place returns the line and the column of a byte.
func place(content string, at int) string {
	before := content[:at]
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
	return fmt.Sprintf("line %d, column %d: ", line, column)
}

// hint returns what is likely to be wrong with a byte, by what comes before it and by the error of
// encoding/json.
func hint(before string, wrong byte, problem string) string {
	if (wrong == ']' || wrong == '}') && strings.HasSuffix(before, ",") {
		return "a comma before " + string(rune(wrong))
	}
	if strings.Contains(problem, "after top-level value") {
		return "wanted one JSON value and nothing after it"
	}
	if wrong == '/' || wrong == '#' {
		return "JSON has no comments"
	}
	if wrong == '\'' || wrong == '`' {
		return "texts are in double quotes"
	}
	if strings.Contains(problem, "in string") {
		return "a line ends within a text, or a tab stands in it: a double quote is missing"
	}
	if strings.Contains(problem, "looking for beginning of object key") {
		return "keys are in double quotes"
	}
	if strings.Contains(problem, "after object key:value pair") ||
		strings.Contains(problem, "after array element") {
		return fmt.Sprintf("a comma is missing before %q, or a bracket", string(rune(wrong)))
	}
	if strings.Contains(problem, "after object key") {
		return "a colon is missing between key and value"
	}
	return "wanted JSON: " + problem
}

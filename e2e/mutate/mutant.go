package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// mutant is a file with one piece of it replaced: was by now.
type mutant struct {
	path     string
	line     int
	was, now string
	content  []byte
}

func (m mutant) String() string {
	now := m.now
	if now == "" {
		now = "nothing"
	}

	return fmt.Sprintf("%s:%d: %s -> %s", m.path, m.line, oneLine(m.was), oneLine(now))
}

// oneLine shortens a piece of code for a list.
func oneLine(code string) string {
	const most = 90
	code = strings.Join(strings.Fields(code), " ")
	if len(code) > most {
		code = code[:most] + "…"
	}

	return "`" + code + "`"
}

// mutants returns all mutants of a file.
func mutants(path string, content []byte) ([]mutant, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}

	m := &maker{path: path, content: content, files: files}
	ast.Inspect(file, func(node ast.Node) bool {
		m.visit(node)
		return true
	})

	return m.all, nil
}

// maker collects the mutants of a file.
type maker struct {
	path    string
	content []byte
	files   *token.FileSet
	all     []mutant
}

func (m *maker) visit(node ast.Node) {
	switch node := node.(type) {
	case *ast.BlockStmt:
		m.takeOut(node.List)
	case *ast.CaseClause:
		m.takeOut(node.Body)
	case *ast.CommClause:
		m.takeOut(node.Body)
	case *ast.BinaryExpr:
		if node.Op == token.LAND || node.Op == token.LOR {
			m.replace(node, m.text(node.X))
			m.replace(node, m.text(node.Y))
		}
	case *ast.Ident:
		if node.Name == "true" {
			m.replace(node, "false")
		} else if node.Name == "false" {
			m.replace(node, "true")
		}
	}
}

// takeOut takes out each statement, or case of a switch, whose absence may compile. What is within
// a statement is taken out by itself too.
func (m *maker) takeOut(statements []ast.Stmt) {
	for _, statement := range statements {
		switch statement := statement.(type) {
		case *ast.AssignStmt:
			if statement.Tok != token.DEFINE {
				m.replace(statement, "")
			}
		case *ast.CaseClause:
			if len(statement.Body) > 0 {
				m.replace(statement, "")
			}
		case *ast.ReturnStmt, *ast.DeclStmt, *ast.LabeledStmt, *ast.BlockStmt, *ast.EmptyStmt:
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		default:
			m.replace(statement, "")
		}
	}
}

func (m *maker) text(node ast.Node) string {
	return string(m.content[m.offset(node.Pos()):m.offset(node.End())])
}

func (m *maker) offset(pos token.Pos) int { return m.files.Position(pos).Offset }

func (m *maker) replace(node ast.Node, now string) {
	was := m.text(node)
	content := append([]byte{}, m.content[:m.offset(node.Pos())]...)
	content = append(content, now...)
	content = append(content, m.content[m.offset(node.End()):]...)
	m.all = append(m.all, mutant{
		path:    m.path,
		line:    m.files.Position(node.Pos()).Line,
		was:     was,
		now:     now,
		content: content,
	})
}

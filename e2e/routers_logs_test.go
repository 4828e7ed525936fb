package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tenantguard/tenantguard/e2e/lab"
)

// TestRouterIdentified checks that the guard finds the router's name whatever Traefik logs,
// measures and traces.
func TestRouterIdentified(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	otlp := lab.Map{"http": lab.Map{"endpoint": collector.URL}}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	type setting struct {
		name          string
		level, format string
		static        lab.Map
		// silent reports whether Traefik drops the plugin's output; otherwise log is the file that
		// has it.
		silent bool
		log    string
	}
	var settings []setting
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "fatal", "panic"} {
		for _, format := range []string{"json", "common"} {
			settings = append(settings, setting{
				name:   level + " " + format,
				level:  level,
				format: format,
				silent: level == "fatal" || level == "panic",
			})
		}
	}
	settings = append(settings,
		setting{name: "log.filePath", log: file("traefik.log"),
			static: lab.Map{"log": lab.Map{"filePath": file("traefik.log")}}},
		setting{name: "log.filePath json", format: "json", log: file("traefik.json"),
			static: lab.Map{"log": lab.Map{"filePath": file("traefik.json")}}},
		setting{name: "access log", static: lab.Map{"accessLog": lab.Map{}}},
		setting{name: "access log as JSON in a file",
			static: lab.Map{"accessLog": lab.Map{
				"format": "json", "filePath": file("access.json"),
			}}},
		setting{name: "tracing, metrics and all logs by OTLP", static: lab.Map{
			"accessLog":    lab.Map{"otlp": otlp},
			"log":          lab.Map{"otlp": otlp},
			"experimental": lab.Map{"otlpLogs": true},
			"tracing":      lab.Map{"otlp": otlp, "addInternals": true},
			"metrics": lab.Map{"otlp": otlp, "addInternals": true, "prometheus": lab.Map{
				"addEntryPointsLabels": true, "addRoutersLabels": true, "addServicesLabels": true}},
		}},
		setting{name: "detailed traces", static: lab.Map{
			"tracing": lab.Map{"otlp": otlp, "sampleRate": 0.5},
			"entryPoints": lab.Map{
				"websecure": lab.Map{"observability": lab.Map{"traceVerbosity": "detailed"}},
			},
		}},
		setting{name: "no observability of the entry point",
			static: lab.Map{"entryPoints": lab.Map{"websecure": lab.Map{
				"observability": lab.Map{"accessLogs": false, "metrics": false, "tracing": false},
			}}}},
	)
	routes := n.claim("team-b-claim", "Host(`"+hostA+"`) && Path(`/claim`)")
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			tr := lab.Start(t, lab.Options{
				HTTP3: true, Guard: n.guard(), Dynamic: routes,
				LogLevel: s.level, LogFormat: s.format, Static: s.static,
			})
			n.assertLegitimate(t, tr)
			assertGet(t, tr, hostA, "/claim", denied("host-foreign"), n.certA)
			want := lab.Denial{Reason: "host-foreign", Router: "team-b-claim@file",
				Tenant: "team-b", Host: hostA, SNI: hostA}
			switch {
			case s.silent:
				assert.Empty(t, tr.Log.Denials())
			case s.log != "":
				content, err := os.ReadFile(s.log)
				require.NoError(t, err)
				log := &lab.Log{}
				_, err = log.Write(content)
				require.NoError(t, err)
				assertDenialLine(t, log, want)
			default:
				assertDenialLine(t, tr.Log, want)
			}
		})
	}

	// An undocumented level: zerolog stores no disabled logger in a context, so there is no name to
	// find. Nothing passes.
	t.Run("disabled", func(t *testing.T) {
		tr := lab.Start(t, lab.Options{HTTP3: true, Guard: n.guard(), Dynamic: routes,
			LogLevel: "disabled"})
		assertGet(t, tr, hostA, "/", denied("router-unknown"), n.certA)
		assertGet(t, tr, hostA, "/claim", denied("router-unknown"), n.certA)
		assert.Empty(t, tr.Log.Lines())
	})
}

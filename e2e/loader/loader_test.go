package loader

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// teapot is the handler behind the middleware.
var teapot = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusTeapot)
})

func TestLoad(t *testing.T) {
	plugin := Load(t, Passthrough(t))
	handler, err := plugin.New(RouterContext(t.Context(), "websecure", "acme@file"), teapot, nil,
		"guard@file")
	require.NoError(t, err)

	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "https://acme.example.com/",
		nil))
	assert.Equal(t, http.StatusTeapot, recorder.Code)
}

package traefik

import (
	"debug/buildinfo"
	"fmt"
	"go/version"
	"os"
)

const (
	// GoVariable is the environment variable that names the Go which builds Traefik, such as
	// go1.27.3. It is this process's if the variable is not set.
	GoVariable = "TRAEFIK_GO"

	// firstWithLocalCertificate is the first Go that says which certificate a server sent.
	firstWithLocalCertificate = "go1.27"
)

var chosenGo, errGo = chooseGo(os.Getenv(GoVariable), chosen)

// chooseGo returns the Go that a value of the variable stands for, "" for this process's.
func chooseGo(value string, traefik choice) (string, error) {
	if value == "" {
		return "", nil
	}
	if !version.IsValid(value) {
		return "", fmt.Errorf("%s=%q cannot be used: want a Go such as go1.27.3", GoVariable, value)
	}
	if traefik.path != "" {
		return "", fmt.Errorf("%s=%q cannot be used: %s is not built here, leave one of them out",
			GoVariable, value, traefik.path)
	}

	return value, nil
}

// HasLocalCertificate reports whether the Go that a Traefik was built with says which certificate
// was served on a connection: then the guard observes nothing, but for resumed connections.
func HasLocalCertificate(binary string) (bool, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return false, err
	}

	return version.Compare(info.GoVersion, firstWithLocalCertificate) >= 0, nil
}

package cluster

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

const (
	// shortest is the shortest lifetime that the TokenRequest API gives.
	shortest = 10 * time.Minute
	// leeway is how long after its expiry the API still accepts a token.
	leeway = time.Minute
)

// Token returns a token of a service account. Since the API issues none for less than ten minutes,
// shorter ones are signed here with the cluster's key. The API caches a verified token for ten
// seconds.
func (c *Cluster) Token(t lab.T, namespace, serviceAccount string, ttl time.Duration) string {
	t.Helper()
	issue := c.requestToken
	if ttl < shortest {
		issue = c.signToken
	}
	token, err := issue(t.Context(), namespace, serviceAccount, ttl)
	lab.Fatal(t, err, "getting a token")

	return token
}

// TokenFile writes a token of a service account to a new file and returns the file's name.
func (c *Cluster) TokenFile(t lab.T, namespace, serviceAccount string, ttl time.Duration) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	c.RotateToken(t, file, namespace, serviceAccount, ttl)

	return file
}

// RotateToken replaces the token in a file atomically, as a kubelet does.
func (c *Cluster) RotateToken(t lab.T, file, namespace, serviceAccount string, ttl time.Duration) {
	t.Helper()
	unfinished := file + ".new"
	token := []byte(c.Token(t, namespace, serviceAccount, ttl))
	lab.Fatal(t, os.WriteFile(unfinished, token, 0o600), "writing a token")
	lab.Fatal(t, os.Rename(unfinished, file), "writing a token")
}

func accountPath(namespace, serviceAccount string) string {
	return "/api/v1/namespaces/" + namespace + "/serviceaccounts/" + serviceAccount
}

func (c *Cluster) requestToken(
	ctx context.Context, namespace, serviceAccount string, ttl time.Duration,
) (string, error) {
	answer, err := c.call(ctx, http.MethodPost, accountPath(namespace, serviceAccount)+"/token",
		map[string]any{
			"apiVersion": "authentication.k8s.io/v1",
			"kind":       "TokenRequest",
			"spec":       map[string]any{"expirationSeconds": int(ttl.Seconds())},
		})
	if err != nil {
		return "", err
	}
	var request struct{ Status struct{ Token string } }
	err = json.Unmarshal(answer, &request)

	return request.Status.Token, err
}

func (c *Cluster) signToken(
	ctx context.Context, namespace, serviceAccount string, ttl time.Duration,
) (string, error) {
	answer, err := c.call(ctx, http.MethodGet, accountPath(namespace, serviceAccount), nil)
	if err != nil {
		return "", err
	}
	var account struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal(answer, &account); err != nil {
		return "", err
	}

	issued := time.Now().Add(-leeway)
	header := map[string]any{"alg": "RS256", "typ": "JWT"}
	claims := map[string]any{
		"iss": issuer,
		"aud": []string{issuer},
		"sub": fmt.Sprintf("system:serviceaccount:%s:%s", namespace, serviceAccount),
		"iat": issued.Unix(),
		"nbf": issued.Unix(),
		"exp": issued.Add(ttl).Unix(),
		"kubernetes.io": map[string]any{
			"namespace":      namespace,
			"serviceaccount": map[string]any{"name": serviceAccount, "uid": account.Metadata.UID},
		},
	}
	var token string
	for _, part := range []any{header, claims} {
		encoded, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		if token != "" {
			token += "."
		}
		token += base64.RawURLEncoding.EncodeToString(encoded)
	}
	hash := sha256.Sum256([]byte(token))
	signature, err := c.tokenKey.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		return "", err
	}

	return token + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

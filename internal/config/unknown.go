package config

import (
	"slices"
	"strings"
)

// Unknown is an environment variable that looks like a setting and is none, so that it has no effect.
type Unknown struct {
	Name    string
	Similar string // a setting's name that is nearly the same; "" for none
}

// ours are the beginnings of names that hardly anything else uses. OLLAMA_ alone is Ollama's own.
var ours = []string{
	"ADMIN_BOOTSTRAP", "ARGON2_", "AUDIT_WITNESS", "CORS_ALLOWED", "DB_", "DEFAULT_CHAT", "DEFAULT_EMBED", "DEFAULT_TOKENS", "JWT_", "MAX_KEEP_ALIVE",
	"MAX_MODEL_BODY", "MAX_STREAMS", "OLLAMA_BASE", "OLLAMA_CONNECT", "OLLAMA_FIRST_TOKEN", "OLLAMA_IDLE", "OLLAMA_MAX_INFLIGHT",
	"OLLAMA_QUEUE", "PASSWORD_MIN", "QUOTA_ANSWER", "RATE_LIMIT_PER", "STREAM_KEEP_ALIVE", "TRUSTED_PROX",
}

// ownPrefix is what people put before a setting's name, as other programs demand it.
const ownPrefix = "PADDOCK_"

// FindUnknown returns the variables of an environment, as os.Environ returns it, that look like settings and are none: they
// begin as ours do, or are one of ours but for a letter, for upper case, for PADDOCK_ before it, or for _FILE after it. What
// Kubernetes and Docker tell of other services (DB_SERVICE_HOST) is left out.
func FindUnknown(environ []string) []Unknown {
	var settings []string
	for _, v := range Vars() {
		settings = append(settings, v.Name)
	}
	services := servicesIn(environ)
	var found []Unknown
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if value == "" || slices.Contains(settings, name) || ofService(name, services) {
			continue
		}
		u := Unknown{Name: name, Similar: similar(settings, upper)}
		if u.Similar != "" || slices.ContainsFunc(ours, func(prefix string) bool { return strings.HasPrefix(upper, prefix) }) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b Unknown) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// similar returns the setting that a name in upper case nearly is; "" for none.
func similar(settings []string, name string) string {
	bare := strings.TrimPrefix(name, ownPrefix)
	for _, s := range settings {
		if s == bare || s == strings.TrimSuffix(bare, fileSuffix) {
			return s
		}
	}
	i := slices.IndexFunc(settings, func(s string) bool { return oneEdit(s, bare) })
	if i < 0 {
		return ""
	}
	return settings[i]
}

// oneEdit reports whether one letter more, less or other, or two that changed places, make b of a.
func oneEdit(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	switch {
	case len(a) == 1 && len(b) == 1, len(a)+len(b) == 1:
		return true
	case len(a) == 2 && len(b) == 2:
		return a[0] == b[1] && a[1] == b[0]
	}
	return false
}

// servicesIn returns the names, in capitals, of the services that Kubernetes and Docker tell of.
func servicesIn(environ []string) (names []string) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if service, ok := strings.CutSuffix(name, "_SERVICE_HOST"); ok {
			names = append(names, service)
		}
		if service, ok := strings.CutSuffix(name, "_PORT"); ok && (strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://")) {
			names = append(names, service)
		}
	}
	return names
}

// ofService reports whether a variable tells of one of the services.
func ofService(name string, services []string) bool {
	return slices.ContainsFunc(services, func(service string) bool {
		rest, ok := strings.CutPrefix(name, service+"_")
		return ok && (rest == "NAME" || strings.HasPrefix(rest, "SERVICE_") || strings.HasPrefix(rest, "PORT") || strings.HasPrefix(rest, "ENV_"))
	})
}

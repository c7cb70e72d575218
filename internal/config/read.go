package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// reader takes over a variable's value, which is not empty, and says what is wrong with it: "must be …", or "" when
// nothing is. The words depend on the setting, never on the value.
type reader func(value string) (problem string)

func text[T ~string](dst *T) reader {
	return func(value string) string {
		*dst = T(value)
		return ""
	}
}

func oneOf[T ~string](dst *T, allowed ...T) reader {
	return func(value string) string {
		for _, a := range allowed {
			if value == string(a) {
				*dst = a
				return ""
			}
		}
		return "must be " + alternatives(allowed)
	}
}

func alternatives[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		switch i {
		case 0:
		case len(words) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

func number[T int | uint8 | uint32](dst *T, least, most T) reader {
	return func(value string) string {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return fmt.Sprintf("must be a whole number from %d to %d", least, most)
		}
		*dst = T(n)
		return ""
	}
}

// optionalNumber reads a number of tokens, of which none at all is something else than zero.
func optionalNumber(dst **int64) reader {
	return func(value string) string {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return "must be a whole number, 0 or more"
		}
		*dst = &n
		return ""
	}
}

func duration(dst *time.Duration, least time.Duration) reader {
	return func(value string) string {
		v, err := time.ParseDuration(value)
		if err != nil || v < least {
			return fmt.Sprintf("must be a duration such as 90s, 10m or 24h, at least %v", least)
		}
		*dst = v
		return ""
	}
}

// size reads a number of bytes, with or without a unit.
func size(dst *int64, least, most int64) reader {
	return func(value string) string {
		number, shift := value, 0
		for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
			if before, ok := strings.CutSuffix(value, unit); ok {
				number, shift = before, bits
			}
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		if n <<= shift; err != nil || n < least || n > most {
			return fmt.Sprintf("must be a size such as 64MiB, from %dKiB to %dMiB", least>>10, most>>20)
		}
		*dst = n
		return ""
	}
}

func boolean(set func(bool)) reader {
	return func(value string) string {
		switch strings.ToLower(value) {
		case "1", "true", "yes", "on":
			set(true)
		case "0", "false", "no", "off":
			set(false)
		default:
			return "must be true or false (1, yes, on; 0, no, off)"
		}
		return ""
	}
}

func logLevel(dst *slog.Level) reader {
	return func(value string) string {
		switch strings.ToLower(value) {
		case "debug":
			*dst = slog.LevelDebug
		case "info":
			*dst = slog.LevelInfo
		case "warn":
			*dst = slog.LevelWarn
		case "error":
			*dst = slog.LevelError
		default:
			return "must be debug, info, warn or error"
		}
		return ""
	}
}

// folder reads DATA_DIR, from which the embedded database's URI is made.
func folder(dst *string) reader {
	return func(value string) string {
		if !plainPath(value) {
			return "must be a folder's path and hold none of % ? #"
		}
		*dst = value
		return ""
	}
}

// plainPath tells whether a path stands for itself inside a URI.
func plainPath(path string) bool {
	return path != "" && !strings.ContainsAny(path, "%?#") && !hasControl(path)
}

// hasControl tells whether a text holds a control character or is not UTF-8.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, unicode.IsControl) || !utf8.ValidString(s)
}

package config

import (
	"errors"

	"github.com/paddock-gate/paddock/internal/witness"
)

// Witness is who cosigns checkpoints of the audit trail; nobody does when it is the zero value.
type Witness struct {
	// URL has no trailing slash.
	URL string `env:"AUDIT_WITNESS_URL" kind:"witnessURL" help:"a witness that cosigns checkpoints of the audit trail (C2SP tlog-witness); add-checkpoint is called below this address"`
	Key string `env:"AUDIT_WITNESS_KEY" kind:"witnessKey" help:"the public key of the witness"`
}

// checkWitness finds one without the other. Who only verifies needs no address.
func (d *draft) checkWitness() {
	w := d.AuditWitness
	d.require("AUDIT_WITNESS_KEY", w.URL == "" || w.Key != "", "must be set when AUDIT_WITNESS_URL is")
	d.require("AUDIT_WITNESS_URL", w.Key == "" || w.URL != "" || !d.signs, "must be set when AUDIT_WITNESS_KEY is")
}

// parseWitnessURL is parseHTTPURL for an address that nobody on the way can answer for.
func parseWitnessURL(text string) (string, error) {
	u, err := parseHTTPURL(text)
	if err != nil {
		return "", err
	}
	if u.Scheme != "https" && !IsLoopback(u.Hostname()) {
		return "", errors.New("not secure")
	}
	return u.String(), nil
}

func isWitnessKey(text string) bool {
	_, err := witness.NewKey(text)
	return err == nil
}

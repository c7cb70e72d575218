package server

import (
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/witness"
)

// setWitness has the checkpoints of the audit trail cosigned, where a witness is configured.
func (s *Server) setWitness(cfg config.Witness) error {
	if cfg.URL == "" {
		return nil
	}
	key, err := witness.NewKey(cfg.Key)
	if err != nil {
		return err
	}
	cosigner := s.sealer.SetWitness(witness.NewClient(cfg.URL, key))
	s.metrics.WatchWitness(cosigner.Lag, cosigner.Disputed)
	return nil
}

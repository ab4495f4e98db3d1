package postgres_test

import (
	"testing"

	"runbook/engine/postgres"
)

func BenchmarkQuerySelect1(b *testing.B) {
	s := connect(b, postgres.Options{})
	for b.Loop() {
		if _, err := s.Query(b.Context(), "SELECT 1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDrain(b *testing.B) {
	for _, mode := range []postgres.Mode{postgres.Simple, postgres.Extended, postgres.Prepared} {
		b.Run(mode.String(), func(b *testing.B) {
			s := connect(b, postgres.Options{})
			for b.Loop() {
				if _, err := s.Drain(b.Context(), mode, "SELECT 1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDrainRows(b *testing.B) {
	s := connect(b, postgres.Options{})
	for b.Loop() {
		if _, err := s.Drain(b.Context(), postgres.Prepared, "SELECT n, 'x' FROM generate_series(1, 1000) AS n"); err != nil {
			b.Fatal(err)
		}
	}
}

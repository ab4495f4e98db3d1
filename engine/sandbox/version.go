package sandbox

import (
	"context"
	"strings"
)

// version returns the version of the server as in "15.20", without what a distribution adds to it.
func (v *server) version(ctx context.Context) (string, error) {
	text, err := v.text(ctx, "postgres", "SHOW server_version")
	if err != nil {
		return "", err
	}
	number, _, _ := strings.Cut(text, " ")
	return number, nil
}

// text returns the one value of a query.
func (v *server) text(ctx context.Context, database, sql string) (string, error) {
	conn, err := v.connect(ctx, database)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var text string
	err = conn.QueryRow(ctx, sql).Scan(&text)
	return text, err
}

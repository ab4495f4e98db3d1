#!/bin/sh
# need-postgres makes sure that this machine has the programs of a PostgreSQL
# server (initdb and postgres) with its contrib extensions. Where they are, it
# does nothing; where they are not, it says what it will install and installs it
# from the platform's packages. It starts no server and makes no database.
set -eu

# The places are those that `runbook run --sandbox` looks at.
bin_dirs() {
	echo "$PATH" | tr : '\n'
	pg_config --bindir 2>/dev/null || true
	ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /usr/local/pgsql/bin \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
		/Applications/Postgres.app/Contents/Versions/*/bin 2>/dev/null || true
}

has_server() {
	bin_dirs | while read -r dir; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then echo yes; fi
	done | grep -q yes
}

# Debian, Arch and Homebrew put contrib into the server's package, others have a
# package of its own for it.
has_contrib() {
	find -L /usr/share/postgresql* /usr/share/pgsql /usr/pgsql-*/share /usr/local/pgsql/share \
		/opt/homebrew/share/postgresql* /usr/local/share/postgresql* /Applications/Postgres.app \
		"$(pg_config --sharedir 2>/dev/null || echo /nowhere)" \
		-name pg_stat_statements.control 2>/dev/null | grep -q .
}

if has_server && has_contrib; then
	exit 0
fi

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "need-postgres: this needs root, and there is no sudo; as root, run: $*" >&2
		exit 1
	fi
}

say() {
	echo "PostgreSQL's server programs or its contrib extensions are missing here."
	echo "Installing from the packages of this system: $*"
	echo "(its programs only: sandboxes make their own servers, none is started by this)"
}

# Debian's package would create and start a server; its own switch for that is
# set for the time of the installation.
install_debian() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql-common
	conf=/etc/postgresql-common/createcluster.conf
	as_root cp -p "$conf" "$conf.before"
	echo "create_main_cluster = false" | as_root tee -a "$conf" >/dev/null
	status=0
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql || status=$?
	as_root mv "$conf.before" "$conf"
	return "$status"
}

if command -v apt-get >/dev/null; then
	say postgresql
	install_debian
elif command -v dnf >/dev/null; then
	say postgresql-server postgresql-contrib
	as_root dnf install -y postgresql-server postgresql-contrib
elif command -v apk >/dev/null; then
	say postgresql postgresql-contrib
	as_root apk add postgresql postgresql-contrib
elif command -v pacman >/dev/null; then
	say postgresql
	as_root pacman -S --noconfirm --needed postgresql
elif command -v brew >/dev/null; then
	say postgresql@17
	brew install postgresql@17
else
	echo "need-postgres: no PostgreSQL server was found, and no package manager that is known here;" >&2
	echo "install PostgreSQL 14 or newer with its contrib extensions: https://www.postgresql.org/download/" >&2
	exit 1
fi

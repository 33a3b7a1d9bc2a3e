# shellcheck shell=sh
# What the entrypoint, `dump`, `load` and `check` have in common; it is read into them.
bin=/usr/local/lib/postgresql
# A signal may come while the output of a program is redirected, so words go where they went at the start.
exec 8>&2
say() { echo "entrypoint: $*" >&8; }

# Ends the container with a reason: one line in its log, and in what Kubernetes keeps of a container that has ended.
fail() {
    say "$*"
    if [ -f /dev/termination-log ] && [ -w /dev/termination-log ]; then printf '%s\n' "$*" >/dev/termination-log; fi
    # shellcheck disable=SC2034 # read by `dump` and `load`
    said=yes
    exit 1
}

case "$DB_NAME$DB_USER" in *[!a-z0-9_]*) fail "DB_NAME and DB_USER are small letters, digits and underscores" ;; esac

# Runs the statements of $sql without a server. No other process may live beside it here: PostgreSQL takes a process with
# the number in a left-over lock file for a running server.
sql=/run/postgresql/statements
single() { "$bin/postgres" --single -D "$1" -c config_file=/etc/kopnams/postgresql.conf -c exit_on_error=on -c log_checkpoints=off -j "$2" <"$sql" >/dev/null; }

# Makes the app's role and its empty database in a folder that is not there yet; further options are initdb's.
make_database() {
    new=$1
    shift
    "$bin/initdb" --pgdata="$new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=peer --auth-host=scram-sha-256 --data-checksums --no-instructions "$@" >/dev/null
    printf 'CREATE ROLE %s LOGIN;\n\nCREATE DATABASE %s OWNER %s;\n\nREVOKE CONNECT ON DATABASE %s FROM PUBLIC;\n\n' \
        "$DB_USER" "$DB_NAME" "$DB_USER" "$DB_NAME" >"$sql"
    single "$new" postgres
    rm -f "$sql"
}

# Two servers on the same files would destroy them. PostgreSQL notices that only among the processes of one container, so
# whoever works on them holds a lock beside them, which ends with the last of its processes.
lock_data() {
    # In a process of its own first: where `exec` cannot open a file, the shell ends without a word.
    (: >>"$PGDATA.lock") 2>/dev/null || fail "nothing can be written beside $PGDATA; is there room left?"
    exec 9>>"$PGDATA.lock"
    code=0
    flock --timeout 10 --conflict-exit-code 75 9 || code=$?
    # Anything else means that this file system knows no locks.
    [ "$code" -ne 75 ] || fail "another container works on $PGDATA: end it first"
}

# Readable for this image, and closed: a volume driver that applies fsGroup opens the folder to the group, and PostgreSQL
# does not start on such a folder.
check_data() {
    version=$("$bin/postgres" --version | sed 's/.* \([0-9][0-9]*\)\..*/\1/')
    found=$(cat "$PGDATA/PG_VERSION")
    [ "$found" = "$version" ] ||
        fail "the data is of PostgreSQL $found and this image has $version: restore a dump of the old database into a new one"
    chmod 0700 "$PGDATA"
}

# ---- for `dump`, `load` and `check` ----

# A program of this container may repeat data in its messages, so they go to files here and `why` makes a sentence of them.
open_scratch() { scratch=$(mktemp -d) || fail "/tmp cannot be written: mount a volume there"; }

# Tells the programs the password of the app's role, in a file.
give_password() {
    [ -s "$PASSWORD_FILE" ] || fail "there is no password in $PASSWORD_FILE; mount the app's Secret there"
    PGPASSFILE=$scratch/password
    (
        umask 077
        printf '*:*:*:%s:' "$DB_USER"
        tr -d '\n' <"$PASSWORD_FILE" | sed 's/[\\:]/\\&/g'
        echo
    ) >"$PGPASSFILE"
    # libpq ignores a file that others may read.
    chmod 0600 "$PGPASSFILE"
    export PGPASSFILE
}

# Runs a program so that a signal is heard while it works.
child=''
work() {
    "$@" &
    child=$!
    code=0
    wait "$child" || code=$?
    child=''
    return "$code"
}

# Starts a server on a folder that nobody reaches but the programs here, as any role; further options are the server's.
# pg_ctl itself is not taken for the server that a left-over lock file tells of.
start_server() {
    serving=$1
    shift
    work "$bin/pg_ctl" start --pgdata="$serving" --silent --wait --timeout=86400 --log="$scratch/server" \
        --options="-c config_file=/etc/kopnams/postgresql.conf -c hba_file=/etc/kopnams/pg_hba.own.conf -c listen_addresses= -c unix_socket_permissions=0700 -c autovacuum=off -c log_min_messages=fatal $*" \
        >/dev/null 2>"$scratch/pg_ctl" || fail "the database does not start: $(why "$scratch/server" "$scratch/pg_ctl")"
}

stop_server() {
    [ -n "$serving" ] || return 0
    "$bin/pg_ctl" stop --pgdata="$serving" --silent --mode=fast --wait --timeout="$1" >/dev/null 2>&1 ||
        "$bin/pg_ctl" stop --pgdata="$serving" --silent --mode=immediate --wait >/dev/null 2>&1 || true
    serving=''
}
serving=''

# A plain sentence for what programs wrote into files.
why() {
    case $(cat "$@" 2>/dev/null || true) in
    *"No space left on device"*) echo "there is no room left" ;;
    *"password authentication failed"*) echo "it refuses the password of the app's Secret; one that was made anew is in force after a restart of the database" ;;
    *"no password supplied"* | *"no pg_hba.conf entry"*) echo "it does not let the app's role in" ;;
    *"could not translate host name"*) echo "nobody knows the name ${KOPNAMS_HOST-}" ;;
    *"Connection refused"* | *"timeout expired"* | *"No route to host"* | *"Network is unreachable"* | *"Connection timed out"*) echo "it does not answer at ${KOPNAMS_HOST-}" ;;
    *"server version mismatch"* | *"unsupported version"*) echo "it was written by a newer PostgreSQL than this image has" ;;
    *"permission denied"*)
        what=$(sed -n 's/.*permission denied for \([a-z]* [A-Za-z0-9_]*\)$/: \1/p' "$@" 2>/dev/null | head -n 1)
        echo "the app's role may not read or make everything in it$what"
        ;;
    *"would be affected by row-level security"*) echo "a row-level policy hides rows of a table from the app's role" ;;
    *"lock timeout"*) echo "a table is locked, by a change of its shape or the like" ;;
    *"database \""*"does not exist"*) echo "it has no database $DB_NAME" ;;
    *"relation \""*"does not exist"* | *"column \""*"does not exist"*) echo "it has no such table or column" ;;
    *"read-only transaction"*) echo "the question would change something" ;;
    *"server closed the connection"* | *"terminating connection"* | *"connection to server was lost"* | *"no connection to the server"* | *"the database system is"*) echo "it ended or was not there yet" ;;
    *"already exists"*) echo "something that the dump holds is there already" ;;
    *"could not read"* | *"not appear to be a valid archive"* | *"input file"* | *"unexpected end of file"*) echo "the dump is damaged" ;;
    *"invalid page"* | *"could not access file"* | *"could not open file"* | *"invalid checkpoint"* | *"could not locate"*) echo "its files are damaged" ;;
    *) echo "the program gave no reason that can be repeated here" ;;
    esac
}

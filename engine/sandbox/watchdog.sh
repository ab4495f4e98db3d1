# Removes the sandbox in directory $1 when its owner has died. Standard input is a pipe that only the owner holds open: it
# ends when the owner does, or says "done" when the owner has cleaned up itself.
dir=$1
trap '' HUP INT TERM   # what ends the owner must not end its watchdog too

# ours says whether process $1 is a server of this sandbox; its id may long be somebody else's.
ours() {
    if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -o args= -p "$1"; fi 2>/dev/null |
        grep -qF -- "$dir/"
}

# servers prints the process ids of the servers that run in the sandbox.
servers() {
    for file in "$dir"/*/postmaster.pid; do
        if [ -r "$file" ] && read -r pid <"$file" && ours "$pid"; then echo "$pid"; fi
    done
}

# stop sends a signal to all servers and waits up to $2 tenths of a second until they are gone.
stop() {
    tenths=$2
    while pids=$(servers) && [ -n "$pids" ] && [ "$tenths" -gt 0 ]; do
        kill "-$1" $pids 2>/dev/null
        sleep 0.1
        tenths=$((tenths - 1))
    done
}

read -r word && exit 0
stop QUIT 70           # they kill their own children after five seconds
stop KILL 10
rm -rf -- "$dir" || { sleep 1; rm -rf -- "$dir"; }   # once more, should a server have written its last file meanwhile

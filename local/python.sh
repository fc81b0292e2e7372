#!/bin/sh
# Ends with 0 if the command $1 is a Python that can run this repository; otherwise says what would, for `make $2`.
can() {
	"$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

can "$1" && exit
version=$("$1" -c 'import sys; print(".".join(map(str, sys.version_info[:3])))' 2>/dev/null)
case $version in
"") echo "$1 does not run, and Python 3.11 or later is needed, with venv." ;;
3.1[1-9]* | 3.[2-9][0-9]*) echo "$1 is Python $version without venv." ;;
*) echo "$1 is Python $version, and 3.11 or later is needed, with venv." ;;
esac
for python in python3 python3.14 python3.13 python3.12 python3.11; do
	can "$python" && echo "This would work: PYTHON=$python make $2" && exit 1
done
echo "Debian has it in python3-venv (apt install python3-venv), and pyenv or uv install it. Another command than python3: PYTHON=/path/to/python make $2"
exit 1

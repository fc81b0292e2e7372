#!/bin/sh
# Prints the path of a Python of Lambda's version, with pip; nothing if there is none.
# The real path, and from here: pyenv's python3.13 answers in this folder alone, and sam builds in another.
cd "$(dirname "$0")" || exit
for python in python3.13 python3; do
	"$python" -c 'import pip, sys; assert sys.version_info[:2] == (3, 13); print(sys.executable)' 2>/dev/null && break
done

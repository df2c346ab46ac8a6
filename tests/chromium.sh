#!/bin/sh
# Gives the browser tests their browser where that is possible: as root on Debian. Elsewhere they say what they skip.
if command -v chromium >/dev/null 2>&1 || [ -n "${PAINPOINT_CHROMIUM:-}" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's Chromium for the browser tests ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null && exit 0
fi
echo "No Chromium here: the browser tests of the wall will be skipped. Install it, or name it in PAINPOINT_CHROMIUM."

#!/bin/sh
# disabled.sh: with PS_DISABLE=1 proxies are plain files, whatever else is set
# run: once
cd "$TMP" || exit 1
echo 'nonsense' >wrong
chmod 600 wrong
for setting in PS_CONFIG="$HOME/.config/libps/config" PS_CONFIG="$TMP/wrong" PS_ENGINE=steam; do
    env "$setting" PS_DISABLE=1 LD_PRELOAD="$PRELOAD" cat "$PX/small" >seen || exit 1
    cmp seen "$PX/small" || { echo "$setting: not the proxy file"; exit 1; }
    env "$setting" PS_DISABLE=1 LD_PRELOAD="$PRELOAD" wc -c "$PX/small" >seen || exit 1
    grep -q '^4093 ' seen || { echo "$setting: $(cat seen)"; exit 1; }
done

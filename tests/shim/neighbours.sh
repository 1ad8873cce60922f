#!/bin/sh
# neighbours.sh: runtimes that have signals, memory or a libc's functions for themselves
# run: no-asan
cd "$TMP" || exit 1
bad=
try() { # try WHAT COMMAND...: its output must be "right"
    what=$1
    shift
    timeout 50 "$@" >out 2>said
    status=$?
    if [ $status != 0 ] || [ "$(cat out)" != right ]; then
        echo "$what: status $status, $(head -c 600 out said)"
        bad=1
    fi
}

# AddressSanitizer wants to be the first; told not to mind, it serves
cat >reader.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct stat st;
    int fd = open(argv[1], O_RDONLY), plain = open(argv[2], O_RDONLY);
    char *bytes, *mapped, *copy;
    FILE *stream = fopen(argv[1], "r");
    if (argc != 3 || fstat(fd, &st) != 0 || stream == NULL)
        return 2;
    bytes = malloc((size_t)st.st_size);
    copy = malloc((size_t)st.st_size);
    mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (read(plain, bytes, (size_t)st.st_size) != st.st_size || mapped == MAP_FAILED ||
        memcmp(bytes, mapped, (size_t)st.st_size) != 0 ||
        fread(copy, 1, (size_t)st.st_size, stream) != (size_t)st.st_size ||
        memcmp(bytes, copy, (size_t)st.st_size) != 0)
        return 3;
    puts("right");
    return 0;
}
END
if cc -fsanitize=address reader.c -o sanitized 2>/dev/null; then
    asan=$(realpath "$(cc -print-file-name=libasan.so)")
    try "ASan" env ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD="$PRELOAD" \
        ./sanitized "$PX/small" "$DATA/small"
    try "ASan first" env ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$asan:$PRELOAD" \
        ./sanitized "$PX/small" "$DATA/small"
fi
if cc -fsanitize=undefined reader.c -o sanitized 2>/dev/null; then
    try "UBSan" env LD_PRELOAD="$PRELOAD" ./sanitized "$PX/small" "$DATA/small"
fi

# The loader knows what $LIB is
mkdir -p lib64 && cp -r "$LIB/libps" "$LIB/libps.so.1" lib64/ || exit 1
for folder in lib lib/x86_64-linux-gnu lib/aarch64-linux-gnu; do
    mkdir -p $folder && cp -r lib64/libps lib64/libps.so.1 $folder/
done
# shellcheck disable=SC2016 # the loader's
cc reader.c -o plain && try '$LIB' env LD_PRELOAD="$TMP/\$LIB/libps.so.1" ./plain "$PX/small" "$DATA/small"
# shellcheck disable=SC2016
try '$LIB, a child' env LD_PRELOAD="$TMP/\$LIB/libps.so.1" \
    env -i ./plain "$PX/small" "$DATA/small"

# Java handles SIGSEGV, for its own checks of null, and maps files
if command -v javac >/dev/null; then
    cat >Reader.java <<'END'
import java.io.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
public class Reader {
    static String none(int i) { return i < 0 ? "" : null; }
    public static void main(String[] names) throws Exception {
        byte[] wanted = Files.readAllBytes(Paths.get(names[1]));
        boolean right = Arrays.equals(Files.readAllBytes(Paths.get(names[0])), wanted);
        FileChannel channel = FileChannel.open(Paths.get(names[0]));
        MappedByteBuffer map = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        byte[] mapped = new byte[wanted.length];
        map.get(mapped);
        right &= Arrays.equals(mapped, wanted);
        int caught = 0;
        for (int i = 0; i < 20000; i++)
            try { none(i).length(); } catch (NullPointerException e) { caught++; }
        System.out.println(right && caught == 20000 ? "right" : "wrong");
    }
}
END
    javac Reader.java 2>said || { cat said; exit 1; }
    try "Java" env LD_PRELOAD="$PRELOAD" java -Xint -XX:TieredStopAtLevel=1 -cp . Reader \
        "$PX/small" "$DATA/small"
    try "Java, compiled" env LD_PRELOAD="$PRELOAD" java -cp . Reader "$PX/small" "$DATA/small"
fi
[ -z "$bad" ]

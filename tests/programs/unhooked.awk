# unhooked.awk: which system calls reached the data by no hook, from what strace -y -k says
#
# awk -v data="NAME NAME..." -f unhooked.awk WAIVERS TRACE...: the names of the data files, the list
# of calls that need no hook (see there), and one trace for each process. A call is on the data
# when a descriptor in it is of an image, or of one of these files in files/, or when it names one.
# It came by a hook when libps is among its callers. Others are printed once each, with who called.

function judge() {
    if (call == "" || hooked)
        return
    if (callers_of == 0 && call ~ /= *(\?.*)?$/) # its thread was ended in it, as workers are: nobody called
        return
    for (i = 1; i <= waivers; i++)
        if (waived[i] == name && (from[i] == "-" || index(callers, from[i] "+")))
            return
    if (!((name, callers) in seen))
        print name " by no hook, from" callers ": " substr(call, 1, 120)
    seen[name, callers] = 1
}

function on_data(line,    path) {
    if (line ~ /<\/memfd:ps:/)
        return 1
    while (match(line, /<[^<>]*\/files\/[^<>\/]+>/)) {
        path = substr(line, RSTART + 1, RLENGTH - 2)
        sub(/.*\//, "", path)
        if (path in files)
            return 1
        line = substr(line, RSTART + RLENGTH)
    }
    return 0
}

function names_data(line,    path) {
    if (!match(line, /^[a-z0-9_]+\((AT_FDCWD<[^>]*>, |[0-9]+<[^>]*>, )?"[^"]*"/))
        return 0
    path = substr(line, RSTART, RLENGTH - 1)
    sub(/.*"/, "", path)
    if (path ~ /(^|\/)out\//)
        return 0
    sub(/.*\//, "", path)
    return path in files
}

BEGIN {
    count = split(data, names, " ")
    for (i = 1; i <= count; i++)
        files[names[i]] = 1
}
FNR == 1 { judge(); call = ""; part++ }
part == 1 {
    if ($0 !~ /^#/ && NF > 2) {
        waived[++waivers] = $1
        from[waivers] = $2
    }
    next
}
/^ > / {
    if ($0 ~ /\/libps\.so\.1\(/)
        hooked = 1
    else if (callers_of++ < 4) {
        sub(/^ > [^ ]*\//, "")
        sub(/\) \[.*/, ")")
        callers = callers " " $0
    }
    next
}
/^[a-z0-9_]+\(/ {
    judge()
    calls++
    call = callers = ""
    hooked = callers_of = 0
    name = $0
    sub(/\(.*/, "", name)
    if (on_data($0) || names_data($0)) {
        call = $0
        on++
    }
}
END {
    judge()
    if (on == 0)
        print "of " calls + 0 " system calls none was on the data"
}

# psctl.bash: completion for bash; the words are those that psctl's own help has

_psctl() {
    local word=${COMP_WORDS[COMP_CWORD]} at
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ] || { [ "$COMP_CWORD" = 2 ] && [ "${COMP_WORDS[1]}" = help ]; }; then
        mapfile -t COMPREPLY < <(compgen -W "$("$1" help 2>/dev/null |
            sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$word")
        return
    fi
    # behind psctl run: the program, and then what that takes
    if [ "${COMP_WORDS[1]}" = run ]; then
        for ((at = 2; at < COMP_CWORD; at++)); do
            case ${COMP_WORDS[at]} in
            -e | --engine | -m | --mount) ((at++)) ;;
            --) break ;;
            -*) ;;
            *) return ;;
            esac
        done
        if [[ $word != -* || ${COMP_WORDS[COMP_CWORD - 1]} = -- ]]; then
            case ${COMP_WORDS[COMP_CWORD - 1]} in
            -e | --engine) mapfile -t COMPREPLY < <(compgen -W "auto uffd uffd-user segv" -- "$word") ;;
            -m | --mount) ;;
            *) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
            esac
            return
        fi
    fi
    [[ $word != -* ]] ||
        mapfile -t COMPREPLY < <(compgen -W "$("$1" help "${COMP_WORDS[1]}" 2>/dev/null |
            grep -oE -e '--[a-z]+' | sort -u) --help" -- "$word")
}
# files, where nothing of ours fits
complete -o default -F _psctl psctl

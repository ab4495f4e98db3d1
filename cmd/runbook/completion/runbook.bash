# Completion of runbook for bash. Load it in ~/.bashrc:
#
#   source <(runbook completion bash)

_runbook() {
    local word glue="" candidate _ words=()
    # bash splits at = and : too; what belongs together is put together again.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        word=${word//\\/}
        if [[ ${#words[@]} -gt 0 && ( -n $glue || $word =~ ^[=:]+$ ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        glue=""
        [[ $word =~ ^[=:]+$ ]] && glue=yes
    done

    # Of the candidates, readline wants what comes after the last = or :.
    local last="" done=""
    [[ ${#words[@]} -gt 0 ]] && last=${words[${#words[@]}-1]}
    [[ $last == *[=:]* ]] && done=${last%"${last##*[=:]}"}

    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        printf -v candidate %q "${candidate#"$done"}"
        candidate=${candidate//\\=/=}
        COMPREPLY+=("${candidate/#\\~/\~}")
    done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)

    # A directory and NAME= go on.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _runbook runbook

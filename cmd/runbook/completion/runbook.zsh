#compdef runbook
# Completion of runbook for zsh. Load it in ~/.zshrc, after compinit:
#
#   source <(runbook completion zsh)
#
# or put it into a directory of $fpath as _runbook.

_runbook() {
    local line word
    local -a whole open
    for line in "${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        [[ -z $line ]] && continue
        word=${line%%$'\t'*}
        line=${line#$word}
        line=${word//:/\\:}${line/$'\t'/:}
        # A directory and NAME= go on.
        if [[ $word == *[/=] ]]; then
            open+=("$line")
        else
            whole+=("$line")
        fi
    done
    (( $#whole )) && _describe 'runbook' whole
    (( $#open )) && _describe 'runbook' open -S ''
    return 0
}

if [[ $funcstack[1] == _runbook ]]; then
    _runbook "$@"
else
    compdef _runbook runbook
fi

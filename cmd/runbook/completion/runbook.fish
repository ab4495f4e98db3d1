# Completion of runbook for fish. Load it in ~/.config/fish/config.fish:
#
#   runbook completion fish | source

function __runbook_complete
    set -l words (commandline -opc)
    $words[1] __complete $words[2..] (commandline -ct) 2>/dev/null
end

complete -c runbook -f -a '(__runbook_complete)'

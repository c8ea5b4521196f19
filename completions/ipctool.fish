# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of ipctool for fish. What there is to offer, `ipctool __complete` says; fish quotes it.

# The word being typed as ipctool would get it: a quote may still be open.
function __ipctool_typed
    set -l word (commandline -ct)
    for end in '' "'" '"'
        if string unescape -- "$word$end"
            return
        end
    end
    string escape --style=script --no-quoted -- "$word"
end

function __ipctool_complete
    set -l words (commandline -opc)
    set -l typed (__ipctool_typed 2>/dev/null)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])

    for line in (command $program __complete (count $words) $words "$typed" 2>/dev/null)
        set -l option (string match -r '^--[^=]*=' -- "$typed")
        set -l rest (string replace -r '^--[^=]*=' '' -- "$typed")
        switch $line
            case :files
                printf '%s\n' $option(__fish_complete_path "$rest")
            case :dirs
                printf '%s\n' $option(__fish_complete_directories "$rest" '')
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c ipctool -f -k -a '(__ipctool_complete)'

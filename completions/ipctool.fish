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
	printf '%s\n' "$word"
end

# Files (or "dirs": directories alone) that begin with what is typed, each with a head before it.
function __ipctool_files --argument-names kind head typed
	set -l begin (string replace -r '^~/' "$HOME/" -- "$typed")
	set -l home ''
	test "$begin" = "$typed"; or set home $HOME
	for file in $begin*
		# A candidate is a line.
		string match -q "*"\n"*" -- "$file"; and continue
		if test -d "$file"
			set file "$file/"
		else if test $kind = dirs
			continue
		end
		test -z "$home"; or set file '~'(string sub -s (math (string length -- "$home") + 1) -- "$file")
		printf '%s\n' "$head$file"
	end
end

function __ipctool_complete
	set -l words (commandline -opc)
	set -l typed (__ipctool_typed 2>/dev/null)
	set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
	# Of "--option=file" the option stays as it is.
	set -l head (string match -r '^--[^=]*=' -- "$typed")
	set -l rest (string replace -r '^--[^=]*=' '' -- "$typed")

	for line in (command $program __complete (count $words) $words "$typed" 2>/dev/null)
		switch $line
			case :files :dirs
				__ipctool_files (string sub -s 2 -- $line) "$head" "$rest"
			case '*'
				printf '%s\n' $line
		end
	end
end

complete -c ipctool -f -k -a '(__ipctool_complete)'

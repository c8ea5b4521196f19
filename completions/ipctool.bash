# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of ipctool for bash. What there is to offer, `ipctool __complete` says; here words are taken apart and
# quoted.
# shellcheck shell=bash

# The words of a command line as ipctool would get them: unquoted, and not split at the ':', '=' and '@' at which
# readline ends words. Sets words, quote (what the last word has open: ' or " or nothing) and redirect (the last word is
# a file to redirect to).
_ipctool_split() {
	local text=$1 word='' begun='' char i length=${#1} target=''

	words=() quote='' redirect=''
	for ((i = 0; i < length; i++)); do
		char=${text:i:1}
		if [[ $quote == "'" ]]; then
			if [[ $char == "'" ]]; then quote=''; else word+=$char; fi
		elif [[ $quote == '"' ]]; then
			if [[ $char == '"' ]]; then
				quote=''
			else
				if [[ $char == "\\" && ${text:i+1:1} == [\\\"\$\`] ]]; then
					char=${text:$((++i)):1}
				fi
				word+=$char
			fi
		elif [[ $char == [[:space:]\<\>] ]]; then
			if [[ $begun && ! $target ]]; then words+=("$word"); fi
			if [[ $begun ]]; then target=''; fi
			if [[ $char == [\<\>] ]]; then target=1; fi
			word='' begun=''
		else
			begun=1
			case $char in
			[\'\"]) quote=$char ;;
			"\\") word+=${text:$((++i)):1} ;;
			*) word+=$char ;;
			esac
		fi
	done
	words+=("$word")
	redirect=$target
}

# Sets quoted to $1 as it is typed within the quote $2, or outside of any.
_ipctool_quote() {
	local char

	quoted=$1
	if [[ $2 == "'" ]]; then
		quoted=${quoted//"'"/"'\\''"}
	elif [[ $2 == '"' ]]; then
		for char in "\\" '"' '$' '`'; do
			quoted=${quoted//"$char"/"\\$char"}
		done
		# Between double quotes nothing but their end keeps an interactive shell from looking into its history.
		quoted=${quoted//'!'/"\"'!'\""}
	elif [[ $quoted == *[[:cntrl:]]* ]]; then
		printf -v quoted '%q' "$quoted"
	elif [[ $quoted == *[!A-Za-z0-9_./:=@%+,-]* ]]; then
		for char in "\\" ' ' "'" '"' '$' '`' '|' '&' ';' '<' '>' '(' ')' '[' ']' '{' '}' '*' '?' '!' '#' '~' '^'; do
			quoted=${quoted//"$char"/"\\$char"}
		done
	fi
}

# Files (or with $2 "dirs" directories alone) that begin with $1, each with $3 before it, into candidates.
_ipctool_files() {
	local file typed=$1 home=''

	if [[ $typed == '~'/* ]]; then
		home=$HOME
		typed=$home${typed#'~'}
	fi
	for file in "$typed"*; do
		if [[ -d $file ]]; then
			candidates+=("$3${home:+"~"}${file#"$home"}/")
		elif [[ $2 == files && ( -e $file || -L $file ) ]]; then
			candidates+=("$3${home:+"~"}${file#"$home"}")
		fi
	done
}

_ipctool() {
	local line=${COMP_LINE:0:COMP_POINT} raw=$2 quote redirect quoted prefix='' candidate typed common
	local -a words candidates=()

	COMPREPLY=()
	_ipctool_split "$line"
	if [[ $redirect ]]; then
		compopt -o default 2>/dev/null
		return
	fi
	typed=${words[-1]}

	# What readline replaces is only what follows the last of its word breaks; what stands before it stays as it is typed.
	if [[ -n $raw && $line == *"$raw" ]]; then
		line=${line:0:${#line}-${#raw}}
	fi
	local -a all=("${words[@]}")
	_ipctool_split "$line"
	if ((${#words[@]} == ${#all[@]})); then
		prefix=${words[-1]}
	fi
	words=("${all[@]}")

	while IFS= read -r candidate; do
		case $candidate in
		:files | :dirs)
			if [[ $typed == --*=* ]]; then
				_ipctool_files "${typed#*=}" "${candidate#:}" "${typed%%=*}="
			else
				_ipctool_files "$typed" "${candidate#:}" ''
			fi
			;;
		*) candidates+=("${candidate%%$'\t'*}") ;;
		esac
	done < <("${words[0]/#'~/'/"$HOME/"}" __complete $((${#words[@]} - 1)) "${words[@]}" 2>/dev/null)

	for candidate in "${candidates[@]}"; do
		if [[ $candidate == "$typed"* ]]; then
			_ipctool_quote "${candidate#"$prefix"}" "$quote"
			if [[ -z $prefix && $candidate == '~'/* && -z $quote ]]; then
				quoted=${quoted#\\}
			fi
			COMPREPLY+=("$quoted")
		fi
	done
	if ((${#COMPREPLY[@]} == 1)); then
		if [[ ${COMPREPLY[0]} == *[:/=] ]]; then
			compopt -o nospace 2>/dev/null
		fi
	elif ((${#COMPREPLY[@]} > 1)); then
		# readline types what all have in common, which must not end between a backslash and what it quotes.
		common=${COMPREPLY[0]}
		for candidate in "${COMPREPLY[@]}"; do
			while [[ $candidate != "$common"* ]]; do
				common=${common%?}
			done
		done
		if [[ -z $quote && $common =~ (^|[^\\])(\\\\)*\\$ ]]; then
			COMPREPLY+=("${common%?}")
		fi
	fi
}

complete -F _ipctool ipctool

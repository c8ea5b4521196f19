# SPDX-License-Identifier: GPL-2.0-or-later
# Writes OUTPUT, the skeleton that `bpftool gen skeleton` prints for OBJECT; nothing is left behind on failure.
# HEADER: what it includes in place of libbpf's own.

execute_process(COMMAND ${BPFTOOL} gen skeleton ${OBJECT} name ${NAME}
	OUTPUT_VARIABLE skeleton RESULT_VARIABLE failed)
if(failed)
	message(FATAL_ERROR "bpftool gen skeleton failed: ${failed}")
endif()
if(HEADER)
	string(REPLACE "<bpf/libbpf.h>" "\"${HEADER}\"" skeleton "${skeleton}")
endif()
# Generated code is not ours to tidy.
file(WRITE ${OUTPUT} "/* NOLINTBEGIN */\n" "${skeleton}" "/* NOLINTEND */\n")

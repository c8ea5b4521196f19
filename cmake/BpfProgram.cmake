# SPDX-License-Identifier: GPL-2.0-or-later
# ipctool_bpf_program(TARGET FOLDER/NAME): compiles FOLDER/NAME.bpf.c and gives TARGET the header NAME.skel.h, which holds
# it as struct NAME_bpf.

function(ipctool_bpf_program TARGET PROGRAM)
	get_filename_component(name ${PROGRAM} NAME)
	set(source ${CMAKE_CURRENT_SOURCE_DIR}/${PROGRAM}.bpf.c)
	set(object ${CMAKE_CURRENT_BINARY_DIR}/bpf/${name}.bpf.o)
	set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/bpf/${name}.skel.h)
	file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bpf)

	add_custom_command(OUTPUT ${object}
		COMMAND ${IPCTOOL_BPF_CLANG} ${IPCTOOL_BPF_FLAGS} -I ${CMAKE_CURRENT_SOURCE_DIR}
			-MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
		DEPENDS ${source}
		DEPFILE ${object}.d
		COMMENT "Compiling ${name}.bpf.c for BPF"
		VERBATIM)
	# "gen object" leaves the BTF and takes the DWARF away, which would end up in the library.
	add_custom_command(OUTPUT ${skeleton}
		COMMAND ${IPCTOOL_BPFTOOL} gen object ${object}.stripped ${object}
		COMMAND ${CMAKE_COMMAND} -DBPFTOOL=${IPCTOOL_BPFTOOL} -DOBJECT=${object}.stripped -DNAME=${name}_bpf
			-DOUTPUT=${skeleton} -P ${PROJECT_SOURCE_DIR}/cmake/BpfSkeleton.cmake
		DEPENDS ${object} ${PROJECT_SOURCE_DIR}/cmake/BpfSkeleton.cmake
		COMMENT "Generating ${name}.skel.h"
		VERBATIM)

	target_sources(${TARGET} PRIVATE ${skeleton})
	target_include_directories(${TARGET} SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/bpf)
endfunction()

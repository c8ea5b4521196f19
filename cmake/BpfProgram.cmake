# SPDX-License-Identifier: GPL-2.0-or-later
# ipctool_bpf_program(TARGET FOLDER/NAME [PART...]): gives TARGET the header NAME.skel.h, which holds the BPF programs of
# FOLDER/NAME.bpf.c as struct NAME_bpf. With PARTs those of FOLDER/PART.bpf.c instead, linked into one. It includes
# IPCTOOL_BPF_HEADER, where that is set, in place of <bpf/libbpf.h>.

function(ipctool_bpf_program TARGET PROGRAM)
	get_filename_component(name ${PROGRAM} NAME)
	get_filename_component(folder ${PROGRAM} DIRECTORY)
	set(output ${CMAKE_CURRENT_BINARY_DIR}/bpf)
	set(linked ${output}/${name}.linked.o)
	set(skeleton ${output}/${name}.skel.h)
	set(parts ${ARGN})
	if(NOT parts)
		set(parts ${name})
	endif()
	file(MAKE_DIRECTORY ${output})

	set(objects)
	foreach(part IN LISTS parts)
		set(source ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/${part}.bpf.c)
		set(object ${output}/${name}.${part}.bpf.o)
		add_custom_command(OUTPUT ${object}
			COMMAND ${IPCTOOL_BPF_CLANG} ${IPCTOOL_BPF_FLAGS} -I ${CMAKE_CURRENT_SOURCE_DIR}
				-MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
			DEPENDS ${source}
			DEPFILE ${object}.d
			COMMENT "Compiling ${part}.bpf.c for BPF"
			VERBATIM)
		list(APPEND objects ${object})
	endforeach()
	# "gen object" links, leaves the BTF, and takes the DWARF away, which would end up in the library.
	add_custom_command(OUTPUT ${skeleton}
		COMMAND ${IPCTOOL_BPFTOOL} gen object ${linked} ${objects}
		COMMAND ${CMAKE_COMMAND} -DBPFTOOL=${IPCTOOL_BPFTOOL} -DOBJECT=${linked} -DNAME=${name}_bpf
			-DOUTPUT=${skeleton} -DHEADER=${IPCTOOL_BPF_HEADER} -P ${PROJECT_SOURCE_DIR}/cmake/BpfSkeleton.cmake
		DEPENDS ${objects} ${PROJECT_SOURCE_DIR}/cmake/BpfSkeleton.cmake
		COMMENT "Generating ${name}.skel.h"
		VERBATIM)

	target_sources(${TARGET} PRIVATE ${skeleton})
	target_include_directories(${TARGET} SYSTEM PRIVATE ${output})
endfunction()

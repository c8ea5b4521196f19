# SPDX-License-Identifier: GPL-2.0-or-later
# What the build stands on. Each optional part ends in one variable IPCTOOL_HAVE_<PART>, ON or OFF.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(POPT REQUIRED IMPORTED_TARGET popt)

# An option AUTO/ON/OFF meets what was found: ON insists, AUTO takes it when it is there.
function(ipctool_decide PART OPTION MISSING)
	string(TOUPPER "${OPTION}" wish)
	set(have OFF)
	if(NOT wish STREQUAL "OFF" AND NOT MISSING)
		set(have ON)
	elseif(wish STREQUAL "ON")
		message(FATAL_ERROR "IPCTOOL_${PART}=ON, but missing: ${MISSING}")
	endif()
	set(IPCTOOL_HAVE_${PART} ${have} PARENT_SCOPE)
endfunction()

# ---- libsmartcols -------------------------------------------------------------------------------------

set(missing "")
pkg_check_modules(SMARTCOLS QUIET IMPORTED_TARGET smartcols)
if(NOT SMARTCOLS_FOUND)
	set(missing "libsmartcols")
endif()
ipctool_decide(SMARTCOLS "${IPCTOOL_SMARTCOLS}" "${missing}")

# ---- inih: policy files ---------------------------------------------------------------------------------

set(missing "")
pkg_check_modules(INIH QUIET IMPORTED_TARGET inih)
if(NOT INIH_FOUND)
	set(missing "inih")
endif()
ipctool_decide(INIH "${IPCTOOL_INIH}" "${missing}")

# ---- BPF: libbpf to load, clang and bpftool to build ----------------------------------------------------

set(missing "")
pkg_check_modules(BPF QUIET IMPORTED_TARGET libbpf>=1.0)
find_program(IPCTOOL_BPF_CLANG clang DOC "clang with the bpf target")
find_program(IPCTOOL_BPFTOOL bpftool DOC "bpftool, which makes the skeleton")
if(NOT BPF_FOUND)
	list(APPEND missing "libbpf 1.0 or later")
endif()
if(NOT IPCTOOL_BPF_CLANG)
	list(APPEND missing "clang")
else()
	# clang does not see the architecture's own include directory when it compiles for bpf.
	set(IPCTOOL_BPF_FLAGS -target bpf -g -O2 -Wall -DARCHITECTURE_${CMAKE_SYSTEM_PROCESSOR})
	if(CMAKE_LIBRARY_ARCHITECTURE AND IS_DIRECTORY /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
		list(APPEND IPCTOOL_BPF_FLAGS -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
	endif()
	foreach(dir IN LISTS BPF_INCLUDE_DIRS)
		list(APPEND IPCTOOL_BPF_FLAGS -I ${dir})
	endforeach()
	set(probe ${CMAKE_BINARY_DIR}/CMakeFiles/probe.bpf.c)
	file(WRITE ${probe} "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nint probe;\n")
	execute_process(COMMAND ${IPCTOOL_BPF_CLANG} ${IPCTOOL_BPF_FLAGS} -c ${probe} -o ${probe}.o
		RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
	if(failed AND BPF_FOUND)
		list(APPEND missing "a clang that compiles for bpf")
	endif()
endif()
if(IPCTOOL_BPFTOOL)
	# Some distributions install a wrapper that only works for one kernel.
	execute_process(COMMAND ${IPCTOOL_BPFTOOL} version RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
endif()
if(NOT IPCTOOL_BPFTOOL OR failed)
	list(APPEND missing "bpftool")
endif()
list(JOIN missing ", " missing)
ipctool_decide(BPF "${IPCTOOL_BPF}" "${missing}")

# ---- manual pages -------------------------------------------------------------------------------------

set(missing "")
find_program(IPCTOOL_SCDOC scdoc DOC "scdoc, which makes the manual pages")
if(NOT IPCTOOL_SCDOC)
	set(missing "scdoc")
endif()
ipctool_decide(MAN "${IPCTOOL_MAN}" "${missing}")

# SPDX-License-Identifier: GPL-2.0-or-later
# How every target of the project is compiled: link it PRIVATE to ipctool_options.

include(CheckCCompilerFlag)

add_library(ipctool_options INTERFACE)
target_compile_options(ipctool_options INTERFACE -std=gnu11)
# Defined as a source file would define it, so that one that does so gets no warning.
target_compile_definitions(ipctool_options INTERFACE "_GNU_SOURCE=" _FILE_OFFSET_BITS=64)

set(warnings
	-Wall
	-Wextra
	-Wformat-security
	-Wimplicit-fallthrough
	-Wmissing-prototypes
	-Wpointer-arith
	-Wshadow
	-Wstrict-prototypes
	-Wundef
	-Wvla
	-Wwrite-strings)
foreach(flag IN LISTS warnings)
	string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
	check_c_compiler_flag(${flag} ${have})
	if(${have})
		target_compile_options(ipctool_options INTERFACE ${flag})
	endif()
endforeach()
if(IPCTOOL_WERROR)
	target_compile_options(ipctool_options INTERFACE -Werror)
endif()

if(IPCTOOL_SANITIZE)
	target_compile_options(ipctool_options INTERFACE
		-fsanitize=${IPCTOOL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(ipctool_options INTERFACE -fsanitize=${IPCTOOL_SANITIZE})
endif()

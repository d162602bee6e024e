# The program of this computer: the same sources with firmware/platform/host in a board's place, and the kernels' portable
# paths. For int8 it has the firmware's bits. Without contraction to fused multiply-add, so that all computers agree.

set(platform_dir "${CMAKE_CURRENT_SOURCE_DIR}/platform/host")
set(core_dir "${platform_dir}")
file(GLOB platform_sources CONFIGURE_DEPENDS "${platform_dir}/*.c")
set(OCRM55_WARNINGS -w) # of compilers that nobody tried
set(OCRM55_KERNEL_OPTIMISATION -O3 -ffp-contract=off -fno-strict-aliasing)
set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/src/main.c" "${CMAKE_CURRENT_SOURCE_DIR}/page/main.c"
                            PROPERTIES COMPILE_DEFINITIONS main=firmware_main)

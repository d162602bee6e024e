# clang compiles (Debian: clang-19); GNU's linker, newlib and libgcc come from the Arm GCC, which is needed as well.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m55)

set(CMAKE_C_COMPILER clang-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET thumbv8.1m.main-none-eabihf)
set(CMAKE_ASM_COMPILER_TARGET thumbv8.1m.main-none-eabihf)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # a program would need our start-up to link

# newlib's headers, wherever the Arm GCC keeps them: it says so itself.
execute_process(COMMAND arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb -mfloat-abi=hard -E -v -x c /dev/null
                OUTPUT_QUIET ERROR_VARIABLE ocrm55_gcc_says)
string(REGEX MATCHALL "\n (/[^\n]*newlib[^\n]*|/[^\n]*arm-none-eabi/include)" ocrm55_newlib_headers "${ocrm55_gcc_says}")
list(TRANSFORM ocrm55_newlib_headers REPLACE "\n " "-isystem ")
list(JOIN ocrm55_newlib_headers " " ocrm55_newlib_headers)

# -fshort-enums: as the Arm GCC has them, and its libraries with it.
set(CMAKE_C_FLAGS_INIT
    "-mcpu=cortex-m55 -mfloat-abi=hard -fshort-enums -ffunction-sections -fdata-sections -fno-common -g1 ${ocrm55_newlib_headers}")
set(CMAKE_ASM_FLAGS_INIT "-mcpu=cortex-m55 -mfloat-abi=hard")
set(OCRM55_PREPROCESS --target=arm-none-eabi)

set(CMAKE_C_LINK_EXECUTABLE
    "arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb -mfloat-abi=hard --specs=nano.specs -Wl,-z,noexecstack \
<LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")

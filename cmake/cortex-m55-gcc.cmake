# GNU Arm Embedded (Debian: gcc-arm-none-eabi, libnewlib-arm-none-eabi), 12.2 or later.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m55)

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # a program would need our start-up to link

# -fno-common and a section a thing, so that the linker drops what nobody calls. Line tables only (-g1): a fault's address
# becomes a line, and the ELF stays small.
set(CMAKE_C_FLAGS_INIT
    "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard -ffunction-sections -fdata-sections -fno-common -g1")
set(CMAKE_ASM_FLAGS_INIT "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--specs=nano.specs")

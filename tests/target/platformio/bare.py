"""A platform of PlatformIO, run by its SCons: a bare Cortex-M55, and a linker script that the project names."""

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
core = ["-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"]
script = env.GetProjectOption("board_build.ldscript")
env.Replace(CC="arm-none-eabi-gcc", LINK="arm-none-eabi-gcc", AR="arm-none-eabi-ar", RANLIB="arm-none-eabi-ranlib")
env.Append(
    CCFLAGS=[*core, "-Os", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections"],
    LINKFLAGS=[*core, "-nostartfiles", "-Wl,--gc-sections", f"-T{script}"],
)
Default([env.BuildProgram()])

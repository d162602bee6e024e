"""A platform of PlatformIO, run by its SCons: this machine's own compiler."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
env.Tool("gcc")
program = env.BuildProgram()
AlwaysBuild(env.Alias("exec", program, "$SOURCE $PROGRAM_ARGS"))
Default([program])

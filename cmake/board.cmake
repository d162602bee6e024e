# The board: its folder and its core's, and from its board.json to the linker. The one description of a board's memories
# serves the compiler's fit check and the link.

# Sets platform_dir (the board's folder), core_dir (what boards of its core share), platform_sources and linker_script. A
# file of the board's folder takes the place of the core's of the same name.
function(ocrm55_find_board)
  get_filename_component(board "${OCRM55_PLATFORM}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/platform")
  if(NOT EXISTS "${board}/board.json")
    message(FATAL_ERROR "OCRM55_PLATFORM=${OCRM55_PLATFORM} is no board: there is no ${board}/board.json")
  endif()
  set(core "${CMAKE_CURRENT_SOURCE_DIR}/platform/armv8_1m")
  file(GLOB sources CONFIGURE_DEPENDS "${board}/*.c")
  file(GLOB shared CONFIGURE_DEPENDS "${core}/*.c")
  foreach(source IN LISTS shared)
    get_filename_component(name "${source}" NAME)
    if(NOT EXISTS "${board}/${name}")
      list(APPEND sources "${source}")
    endif()
  endforeach()
  set(script "${core}/firmware.ld.S")
  if(EXISTS "${board}/firmware.ld.S")
    set(script "${board}/firmware.ld.S")
  endif()
  set(platform_dir "${board}" PARENT_SCOPE)
  set(core_dir "${core}" PARENT_SCOPE)
  set(platform_sources "${sources}" PARENT_SCOPE)
  set(linker_script "${script}" PARENT_SCOPE)
endfunction()

# Writes regions.ld (the MEMORY command) beside `output`, and adds the command that preprocesses `script` into `output`.
function(ocrm55_linker_script script output)
  set(json_file "${OCRM55_MEMORY_MAP}")
  if(NOT json_file)
    set(json_file "${platform_dir}/board.json")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${json_file}")
  file(READ "${json_file}" json)

  # NAME : ORIGIN = ..., LENGTH = ...
  set(names "")
  set(tightly_coupled "")
  set(memory "MEMORY\n{\n")
  string(JSON count LENGTH "${json}" regions)
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON name GET "${json}" regions ${i} name)
    string(JSON origin GET "${json}" regions ${i} origin)
    string(JSON bytes GET "${json}" regions ${i} bytes)
    list(APPEND names ${name})
    string(JSON tier ERROR_VARIABLE not_given GET "${json}" regions ${i} tier)
    if(tier EQUAL 0)
      list(APPEND tightly_coupled ${name})
    endif()
    string(APPEND memory "    ${name} : ORIGIN = ${origin}, LENGTH = ${bytes}\n")
  endforeach()
  string(APPEND memory "}\n")
  get_filename_component(folder "${output}" DIRECTORY)
  file(CONFIGURE OUTPUT "${folder}/regions.ld" CONTENT "${memory}" @ONLY)

  # Placement: the user's option, else what the compiled model asks for (OCRM55_MODEL_*_REGION of its sources.cmake), else
  # what the board's file says.
  set(definitions "")
  foreach(what code data arena weights hot_weights far_weights images)
    string(TOUPPER ${what} upper)
    set(region "${OCRM55_${upper}_REGION}")
    if(NOT region)
      set(region "${OCRM55_MODEL_${upper}_REGION}")
    endif()
    if(NOT region AND what STREQUAL "far_weights")
      continue() # they lie with the others
    endif()
    if(NOT region)
      string(JSON region GET "${json}" placement ${what})
    endif()
    if(NOT region IN_LIST names)
      list(JOIN names ", " known)
      message(FATAL_ERROR "OCRM55_${upper}_REGION=${region} is no region of ${json_file} (${known})")
    endif()
    if(OCRM55_MODEL_NPU AND what MATCHES "^(arena|weights)$" AND region IN_LIST tightly_coupled)
      message(FATAL_ERROR "OCRM55_${upper}_REGION=${region} is coupled to the core alone: the NPU does not reach it")
    endif()
    list(APPEND definitions "-D${upper}_REGION=${region}")
  endforeach()
  set(stack "${OCRM55_STACK_BYTES}")
  if(NOT stack)
    string(JSON stack GET "${json}" stack_bytes)
  endif()
  list(APPEND definitions "-DSTACK_BYTES=${stack}")

  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_C_COMPILER}" ${OCRM55_PREPROCESS} -E -P -undef -x c ${definitions} "${script}" -o "${output}"
    DEPENDS "${script}"
    COMMENT "Linker script"
    VERBATIM)
  add_custom_target(ocrm55_linker_script DEPENDS "${output}")
  add_dependencies(ocrm55 ocrm55_linker_script)
endfunction()

# The NPU's driver: ours (firmware/npu), or Arm's behind the same interface.

# Adds the library ocrm55_npu for an Ethos-U55 of so many MACs a cycle.
function(ocrm55_npu macs)
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/npu")
  set(port "${platform_dir}/npu/npu_port.c")
  if(NOT EXISTS "${port}")
    message(FATAL_ERROR "the model wants an NPU (an Ethos-U55 of ${macs} MACs a cycle), and the board ${OCRM55_PLATFORM} has none: "
                        "there is no ${port}")
  endif()
  if(OCRM55_ETHOSU_DRIVER)
    set(sources "${folder}/npu_arm_driver.c")
  else()
    set(sources "${folder}/npu_driver.c" "${folder}/npu_access.c")
  endif()
  add_library(ocrm55_npu STATIC ${sources} "${folder}/npu_messages.c" "${port}" "${core_dir}/npu/npu_core.c")
  target_include_directories(ocrm55_npu PUBLIC "${folder}" PRIVATE "${platform_dir}" "${core_dir}")
  target_compile_options(ocrm55_npu PRIVATE ${OCRM55_WARNINGS} -O2)
  target_compile_definitions(ocrm55_npu PRIVATE OCRM55_NPU_POLL=$<BOOL:${OCRM55_NPU_POLL}>)
  if(OCRM55_NPU_TIMEOUT_MS)
    target_compile_definitions(ocrm55_npu PRIVATE "OCRM55_NPU_TIMEOUT_MS=${OCRM55_NPU_TIMEOUT_MS}u")
  endif()
  if(OCRM55_ETHOSU_DRIVER)
    ocrm55_arm_npu_driver("${macs}")
  endif()
endfunction()

# Adds Arm's driver to ocrm55_npu: the sources of OCRM55_ETHOSU_DRIVER, built as its README says for an Ethos-U55. Its own
# CMakeLists wants the whole of CMSIS, of which it uses two instructions. Its log and its asserts would need a C library
# with files; what goes wrong is told by the status that comes back.
function(ocrm55_arm_npu_driver macs)
  set(root "${OCRM55_ETHOSU_DRIVER}")
  set(files include/ethosu_driver.h src/ethosu_driver.c src/ethosu_device_u55_u65.c)
  foreach(file IN LISTS files)
    if(NOT EXISTS "${root}/${file}")
      message(FATAL_ERROR "${root} is no copy of Arm's ethos-u-core-driver, which --ethosu-driver or ETHOSU_DRIVER_ROOT "
                          "names: it has no ${file}")
    endif()
  endforeach()
  add_library(ocrm55_ethosu STATIC "${root}/src/ethosu_driver.c" "${root}/src/ethosu_device_u55_u65.c")
  target_include_directories(ocrm55_ethosu SYSTEM PUBLIC "${root}/include"
                             PRIVATE "${root}/src" "${CMAKE_CURRENT_SOURCE_DIR}/npu/arm")
  target_compile_definitions(ocrm55_ethosu PUBLIC ETHOSU ETHOSU55 ETHOSU_ARCH=u55 "ETHOSU_MACS=${macs}"
                             PRIVATE ETHOSU_LOG_ENABLE=0 NDEBUG)
  target_compile_options(ocrm55_ethosu PRIVATE -O2 -w)
  target_link_libraries(ocrm55_npu PRIVATE ocrm55_ethosu)
endfunction()

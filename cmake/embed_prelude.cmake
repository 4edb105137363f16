# Writes OUTPUT, a C++ file with the text of every DIRECTORY/*.nn:  cmake -DDIRECTORY=… -DOUTPUT=… -P embed_prelude.cmake
file(GLOB files ${DIRECTORY}/*.nn)
list(SORT files)
set(entries "")
foreach(path IN LISTS files)
  get_filename_component(name ${path} NAME)
  file(READ ${path} text)
  string(APPEND entries "      {\"${name}\", R\"nn(${text})nn\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"frontend/prelude.h\"

namespace nnc::frontend {

std::vector<PreludeFile> prelude_files() {
  return {
${entries}  };
}

} // namespace nnc::frontend
")

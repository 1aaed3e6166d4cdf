export { type AuthState, useAuth } from "./auth.js";
export { type AnyClient, BasaltProvider, type BasaltProviderProps, useBasalt } from "./context.js";
export { useConflicts, useConnection, usePendingWrites } from "./device.js";
export {
  type DownloadPlace,
  type FileState,
  type FilesPlace,
  type FilesState,
  type FileUrlOptions,
  type FileUrlState,
  useFile,
  useFiles,
  useFileUrl,
} from "./files.js";
export {
  type DocumentPlace,
  type DocumentState,
  type LiveSource,
  type QueryState,
  type UseLiveOptions,
  useDocument,
  useQuery,
} from "./live.js";
export { type Mutation, type MutationState, useMutation } from "./mutation.js";
export { type UploadPlace, type UploadState, type UseUpload, useUpload } from "./upload.js";

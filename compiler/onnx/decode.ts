import { refuse } from '../errors.ts';
import { withFunctionFields } from './functionFields.ts';
import { guardModel } from './guard.ts';
import { integerOf, type Model, ModelProto } from './proto.ts';

const IR_VERSIONS = { min: 3, max: 14 };
export const OPSETS = { min: 6, max: 28 };

/** The default operator domain has two spellings. */
export const domainOf = (domain: string | null | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''));

/** Versions of the imported operator sets by domain. */
export const opsetsOf = (model: Pick<Model, 'opsetImport'>): ReadonlyMap<string, number> =>
	new Map((model.opsetImport ?? []).map(({ domain, version }) => [domainOf(domain), integerOf(version)]));

/**
 * The model in the bytes of an .onnx file: bytes checked before decoding, graph, IR version and operator set after it.
 * Errors: 'file' for everything that is not a model of IR 3..14 with opset 6..28.
 */
export const decodeModel = (bytes: Uint8Array): Model => {
	guardModel(bytes);
	const model = decode(bytes);
	if (model.graph === undefined || model.graph === null)
		refuse({
			code: 'file',
			message: 'The file holds no graph, so it is not an ONNX model.',
			hint: 'Export the model again; a file of external data alone cannot be compiled.',
		});
	const ir = integerOf(model.irVersion);
	if (ir < IR_VERSIONS.min || ir > IR_VERSIONS.max)
		refuse({
			code: 'file',
			message: `The model has IR version ${ir}; versions ${IR_VERSIONS.min} to ${IR_VERSIONS.max} are read.`,
			hint: 'Convert it with the version converter of the onnx package, or export it again.',
		});
	const versions = opsetsOf(model);
	const opset = versions.get('');
	if (opset === undefined)
		return refuse({
			code: 'file',
			message: 'The model does not say which version of the ai.onnx operator set it uses.',
			hint: 'Add an opset_import for the default domain.',
		});
	const twice = model.opsetImport?.find(({ domain, version }) => versions.get(domainOf(domain)) !== integerOf(version));
	if (twice !== undefined)
		refuse({
			code: 'file',
			message: `The model imports two versions of the ${domainOf(twice.domain) || 'ai.onnx'} operator set.`,
			hint: 'Remove one of the two opset_import entries.',
		});
	if (opset < OPSETS.min || opset > OPSETS.max)
		refuse({
			code: 'file',
			message: `The model uses opset ${opset}; opsets ${OPSETS.min} to ${OPSETS.max} are read.`,
			hint: 'Convert it with the version converter of the onnx package, or export it with opset 17.',
			opset,
		});
	return model;
};

const decode = (bytes: Uint8Array): Model => {
	try {
		return withFunctionFields(ModelProto.decode(bytes), bytes);
	} catch (error) {
		return refuse({
			code: 'file',
			message: `This is not a readable ONNX model: ${error instanceof Error ? error.message : String(error)}.`,
			hint: 'Check that the file was copied completely and is an .onnx file (a protobuf ModelProto).',
		});
	}
};

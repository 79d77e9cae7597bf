/** A model of the zoo; paths are below the folder of this file. */
export type ZooModel = {
	readonly name: string;
	/** What it is, in one line. */
	readonly summary: string;
	readonly path: string;
	/** Name of its input. */
	readonly input: string;
	/** Typical inputs that are no test samples: what the compiler takes its ranges from. */
	readonly calibration: string;
	/** Samples of the test set and their labels. */
	readonly samples: string;
	readonly labels: string;
	/** Accuracy of the model itself in the clear, on its whole test set of this size. */
	readonly clearAccuracy: number;
	readonly testSize: number;
};

export const models: readonly ZooModel[] = [
	{
		name: 'mnist-cryptonets',
		summary: 'the CryptoNets network on MNIST: convolution, square, 100, square, 10',
		path: 'mnist-cryptonets/model.onnx',
		input: 'image',
		calibration: 'mnist-cryptonets/model.calibration.npy',
		samples: 'mnist-cryptonets/samples/images.npy',
		labels: 'mnist-cryptonets/samples/labels.npy',
		clearAccuracy: 0.9922,
		testSize: 10000,
	},
	{
		name: 'breast-cancer',
		summary: 'the Wisconsin breast cancer data: 30 features, 16 ReLU, 1 sigmoid',
		path: 'breast-cancer/model.onnx',
		input: 'features',
		calibration: 'breast-cancer/model.calibration.npy',
		samples: 'breast-cancer/samples/features.npy',
		labels: 'breast-cancer/samples/labels.npy',
		clearAccuracy: 138 / 143,
		testSize: 143,
	},
];
